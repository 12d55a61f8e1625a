//! Which values a call gives to the parameters of its service's endpoint rules.
//!
//! In this order, the first that has a value: what the model says of the operation, the call's own parameters, the
//! caller's named endpoint parameters, the built-ins. The S3 built-ins depend on each other and on the bucket as
//! boto3 has it, because the rules refuse combinations that boto3 quietly avoids.

use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use super::rules::{BuiltIn, Parameter};
use super::value::Value;
use super::{Wanted, split_url};
use crate::model::{ContextSource, Operation};
use crate::options::{AddressingStyle, RegionalEndpoints};

/// Static parameter that asks for the account id as first label of the host.
const REQUIRES_ACCOUNT_ID: &str = "RequiresAccountId";

/// A call as its endpoint's rules see it.
pub(super) struct Site<'a> {
    pub(super) operation: &'a Operation,
    pub(super) params: &'a Map<String, Json>,
    pub(super) wanted: Wanted<'a>,
}

impl<'a> Site<'a> {
    /// The value of a parameter; unset when nothing gives one.
    pub(super) fn value(&self, parameter: &'a Parameter) -> Value<'a> {
        if parameter.name == REQUIRES_ACCOUNT_ID && !self.takes_more_labels() {
            return Value::Unset;
        }
        let from_call = self.given_by_operation(&parameter.name);
        if from_call != Value::Unset {
            return from_call;
        }
        let named = &self.wanted.options.endpoint_parameters;
        if let Some(given) = named.get(&parameter.name) {
            return Value::of_parameter(given);
        }
        // The rules know it by its name only; in boto3 it is a setting.
        let setting = (parameter.name == "DisableS3ExpressSessionAuth")
            .then_some(BuiltIn::S3DisableExpressSessionAuth);
        parameter
            .built_in
            .or(setting)
            .map_or(Value::Unset, |built_in| self.built_in(built_in))
    }

    /// Whether labels can stand before the host: not before an address or a name without a dot, for
    /// `account.127.0.0.1` reaches nobody.
    fn takes_more_labels(&self) -> bool {
        let Some(url) = self.wanted.endpoint_url else {
            return true;
        };
        split_url(url).is_some_and(|url| {
            let host = url.authority.split(':').next().unwrap_or_default();
            host.contains('.') && !super::functions::is_ip(&url.authority)
        })
    }

    fn given_by_operation(&self, name: &str) -> Value<'a> {
        let mut given = self
            .operation
            .context
            .iter()
            .filter(|context| context.name == name);
        given
            .find_map(|context| {
                let value = match &context.source {
                    ContextSource::Static(value) => of_json(value),
                    ContextSource::Member(member) => {
                        self.params.get(*member).map_or(Value::Unset, of_json)
                    }
                    ContextSource::Path(path) => of_path(path, self.params),
                };
                (value != Value::Unset).then_some(value)
            })
            .unwrap_or(Value::Unset)
    }

    fn built_in(&self, built_in: BuiltIn) -> Value<'a> {
        let Wanted {
            region,
            endpoint_url,
            options,
        } = self.wanted;
        let text = |text: Option<&'a str>| text.map_or(Value::Unset, Value::text);
        match built_in {
            BuiltIn::Region => Value::text(region),
            BuiltIn::Endpoint => text(endpoint_url),
            // A named endpoint cannot be combined with these two.
            BuiltIn::UseFips => Value::Flag(options.use_fips && endpoint_url.is_none()),
            BuiltIn::UseDualStack => Value::Flag(options.use_dual_stack && endpoint_url.is_none()),
            BuiltIn::AccountId => text(options.account_id.as_deref()),
            BuiltIn::AccountIdEndpointMode => {
                Value::text(options.account_id_endpoint_mode.as_str())
            }
            BuiltIn::StsUseGlobalEndpoint => {
                Value::Flag(options.sts_endpoints == RegionalEndpoints::Legacy)
            }
            BuiltIn::S3UseGlobalEndpoint => Value::Flag(
                options.s3.us_east_1_endpoint == RegionalEndpoints::Legacy && region == "us-east-1",
            ),
            BuiltIn::S3Accelerate => Value::Flag(options.s3.use_accelerate),
            BuiltIn::S3ForcePathStyle => Value::Flag(self.force_path_style()),
            BuiltIn::S3UseArnRegion => Value::Flag(options.s3.use_arn_region.unwrap_or(true)),
            BuiltIn::S3ControlUseArnRegion => {
                Value::Flag(options.s3.use_arn_region.unwrap_or(false))
            }
            BuiltIn::S3DisableMultiRegionAccessPoints => {
                Value::Flag(options.s3.disable_multi_region_access_points)
            }
            BuiltIn::S3DisableExpressSessionAuth => options
                .s3
                .disable_express_session_auth
                .map_or(Value::Unset, Value::Flag),
        }
    }

    /// Source: botocore, `ClientArgsCreator.compute_endpoint_resolver_builtin_defaults` and
    /// `customize_endpoint_resolver_builtins`.
    fn force_path_style(&self) -> bool {
        let s3 = &self.wanted.options.s3;
        // A bucket's region need not be known to ask for it, and a host name with the bucket would need it.
        if self.operation.name == "GetBucketLocation" {
            return true;
        }
        let bucket = self.params.get("Bucket").and_then(Json::as_str);
        if bucket.is_some_and(is_arn) || s3.use_accelerate {
            return false;
        }
        match self.wanted.endpoint_url {
            Some(url) if !is_accelerate_url(url) => s3.addressing_style != AddressingStyle::Virtual,
            _ => s3.addressing_style == AddressingStyle::Path,
        }
    }
}

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:") && text.splitn(6, ':').count() == 6
}

/// Whether a named endpoint is that of S3 transfer acceleration.
fn is_accelerate_url(url: &str) -> bool {
    let Some(url) = split_url(url) else {
        return false;
    };
    matches!(
        url.authority.as_str(),
        "s3-accelerate.amazonaws.com" | "s3-accelerate.dualstack.amazonaws.com"
    )
}

fn of_json(json: &Json) -> Value<'_> {
    match json {
        Json::String(text) => Value::text(text.as_str()),
        Json::Bool(flag) => Value::Flag(*flag),
        Json::Array(items) => Value::List(
            items
                .iter()
                .filter_map(Json::as_str)
                .map(Cow::Borrowed)
                .collect(),
        ),
        _ => Value::Unset,
    }
}

/// What a JMESPath finds in the call's parameters: text, a truth value or a list of text.
fn of_path<'a>(path: &str, params: &Map<String, Json>) -> Value<'a> {
    let found = jmespath::compile(path).and_then(|expression| {
        let input = jmespath::Variable::from_serializable(params)?;
        expression.search(input)
    });
    // A path that does not lead anywhere, or a function that finds another type, gives nothing.
    let Ok(found) = found else {
        return Value::Unset;
    };
    if let Some(text) = found.as_string() {
        return Value::text(text.clone());
    }
    if let Some(items) = found.as_array() {
        let texts = items.iter().filter_map(|item| item.as_string());
        return Value::List(texts.map(|text| Cow::Owned(text.clone())).collect());
    }
    found.as_boolean().map_or(Value::Unset, Value::Flag)
}
