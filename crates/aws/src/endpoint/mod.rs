//! Where a call goes and how it is signed: the endpoint rules of the services, interpreted.
//!
//! [`RuleSet`] compiles the rules that AWS publishes for its SDKs and evaluates them; [`resolve`] does that for a
//! call with the values it gives to the rules' parameters. A service without rules (a model of the caller's own) gets
//! the customary host, `prefix.region.suffix`.
//!
//! Nothing here knows a service by name but for what boto3 does around the rules: S3's built-ins (`parameters`) and
//! the signing region of AWS Health.

mod compile;
mod error;
mod evaluate;
mod functions;
mod parameters;
mod partitions;
mod rules;
mod value;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use serde_json::{Map, Value as Json};

use crate::CallOptions;
use crate::model::{ContextSource, Name, Operation, Service, catalog};

pub use error::EndpointError;
pub use evaluate::{AuthScheme, Resolved, RuleError};
pub use partitions::{Partition, Partitions, PartitionsError, partition};
pub use rules::{BuiltIn, Malformed, Parameter, ParameterKind, RuleSet};

/// Where a caller wants a call to go.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Region.
    pub region: &'a str,
    /// The endpoint, when the caller names it.
    pub endpoint_url: Option<&'a str>,
    /// Further choices.
    pub options: &'a CallOptions,
}

/// A place to send a call to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `https` or `http`.
    pub scheme: String,
    /// Host with its port.
    pub authority: String,
    /// Path before that of the operation; mostly empty.
    pub path: String,
    /// Headers that the rules want to be sent; names in lower case.
    pub headers: Vec<(String, String)>,
    /// Region to sign for.
    pub signing_region: String,
    /// Service name to sign for.
    pub signing_name: String,
    /// How the request is authenticated there.
    pub authentication: Authentication,
    /// The caller named it: prefixes that the service's model puts before the host are left out, since
    /// `prefix.127.0.0.1` reaches nobody.
    pub custom: bool,
    /// The rules placed it, with whatever of the operation's parameters belongs into host and path.
    pub by_rules: bool,
}

/// What the rules say about authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authentication {
    /// Nothing: the service's model decides.
    OfModel,
    /// Signature Version 4.
    SigV4,
    /// A bearer token.
    Bearer,
    /// None at all.
    None,
    /// Only schemes that this crate does not write; the first of them.
    Unsupported(String),
}

/// Parts of an absolute URL without query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UrlParts {
    pub(crate) scheme: String,
    pub(crate) authority: String,
    pub(crate) path: String,
}

/// Splits `http(s)://host[:port][/path]`; `None` for anything else.
pub(crate) fn split_url(url: &str) -> Option<UrlParts> {
    let (scheme, rest) = url.split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") || url.len() > 2048 {
        return None;
    }
    let (authority, path) = rest
        .find('/')
        .and_then(|at| rest.split_at_checked(at))
        .unwrap_or((rest, ""));
    let host_fits = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    if authority.is_empty() || !authority.chars().all(host_fits) {
        return None;
    }
    if !path
        .chars()
        .all(|c| c.is_ascii_graphic() && !matches!(c, '?' | '#'))
    {
        return None;
    }
    Some(UrlParts {
        scheme,
        authority: authority.to_owned(),
        path: path.to_owned(),
    })
}

/// Rules that were needed so far, by client name; `None` for services that have none.
static RULES: LazyLock<RwLock<HashMap<Name, Option<Arc<RuleSet>>>>> =
    LazyLock::new(RwLock::default);

/// The compiled rules of a service of this build's table; `None` for one that has none.
///
/// # Errors
/// [`EndpointError::Malformed`] when the table's rules cannot be compiled.
pub fn rules_of(service: Name) -> Result<Option<Arc<RuleSet>>, EndpointError> {
    let known = RULES.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(rules) = known.get(service) {
        return Ok(rules.clone());
    }
    drop(known);
    // The table knows services by other names as well, which a caller's own model may happen to have.
    let is_ours = catalog().names().any(|known| known == service);
    let text = catalog().endpoint_rules(service).filter(|_| is_ours);
    let rules = text
        .map(RuleSet::parse)
        .transpose()
        .map_err(|source| EndpointError::Malformed {
            service: service.to_owned(),
            source,
        })?
        .map(Arc::new);
    let mut known = RULES.write().unwrap_or_else(PoisonError::into_inner);
    // Of two that compiled at the same time, the first is kept. A caller's own models may have any number of names.
    if rules.is_some() {
        known.insert(service, rules.clone());
    }
    Ok(rules)
}

/// Whether the rules of a service look at the account of the keys.
pub(crate) fn takes_account(service: Name) -> bool {
    let rules = rules_of(service).ok().flatten();
    rules.is_some_and(|rules| {
        let mut parameters = rules.parameters().iter();
        parameters.any(|parameter| parameter.built_in == Some(BuiltIn::AccountId))
    })
}

/// Chooses the endpoint of a call: the one the caller names, else the one the service's rules give. `params` are the
/// checked parameters.
///
/// # Errors
/// [`EndpointError`] when the URL or the region cannot be one, or the rules refuse the call.
pub fn resolve(
    service: &Service,
    operation: &Operation,
    params: &Map<String, Json>,
    wanted: Wanted<'_>,
) -> Result<Endpoint, EndpointError> {
    let region = plain_region(wanted.region);
    if let Some(plain) = &region {
        let mut options = wanted.options.clone();
        options.use_fips = true;
        let wanted = Wanted {
            region: plain,
            options: &options,
            ..wanted
        };
        return resolve_plain(service, operation, params, wanted);
    }
    resolve_plain(service, operation, params, wanted)
}

/// Whether a service has one endpoint for all regions of AWS's commercial partition, so that a caller need not name one.
#[must_use]
pub fn is_global(service: &Service) -> bool {
    let at = |region| {
        let wanted = Wanted {
            region,
            endpoint_url: None,
            options: CallOptions::defaults(),
        };
        resolve(service, &Operation::default(), &Map::new(), wanted).ok()
    };
    // Two regions of the first days: what is the same for both is the same for all.
    let [here, there] = ["us-east-1", "eu-west-1"].map(at);
    here.is_some_and(|here| there.is_some_and(|there| here.authority == there.authority))
}

/// `fips-us-east-1` and `us-east-1-fips` are `us-east-1` with FIPS endpoints, as in boto3.
fn plain_region(region: &str) -> Option<String> {
    region
        .contains("fips")
        .then(|| region.replace("fips-", "").replace("-fips", ""))
        .filter(|plain| plain != region)
}

fn resolve_plain(
    service: &Service,
    operation: &Operation,
    params: &Map<String, Json>,
    wanted: Wanted<'_>,
) -> Result<Endpoint, EndpointError> {
    check_region(wanted.region)?;
    if let Some(url) = wanted.endpoint_url
        && split_url(url).is_none()
    {
        return Err(EndpointError::unusable_url(url));
    }
    let Some(rules) = rules_of(service.name)? else {
        return by_custom(service, wanted);
    };
    let site = parameters::Site {
        operation,
        params,
        wanted,
    };
    let resolved = rules
        .evaluate_with(partitions::known(), |parameter| Ok(site.value(parameter)))
        .map_err(|source| EndpointError::Rules {
            service: service.name.to_owned(),
            source,
        })?;
    place(service, wanted, resolved)
}

fn check_region(region: &str) -> Result<(), EndpointError> {
    if region.is_empty() {
        return Err(EndpointError::NoRegion);
    }
    // Source: botocore, `validate_region_name`.
    let fits = functions::is_valid_host_label(region, false)
        && !region.bytes().all(|byte| byte.is_ascii_digit());
    if fits {
        return Ok(());
    }
    Err(EndpointError::Unusable {
        what: "region",
        value: region.to_owned(),
        reason: "give a region name such as `eu-west-1`",
    })
}

/// The customary endpoint of a service without rules.
fn by_custom(service: &Service, wanted: Wanted<'_>) -> Result<Endpoint, EndpointError> {
    let partition = partitions::known().of(wanted.region);
    let url = wanted.endpoint_url.map_or_else(
        || {
            let suffix = if wanted.options.use_dual_stack {
                &partition.dual_stack_dns_suffix
            } else {
                &partition.dns_suffix
            };
            let fips = if wanted.options.use_fips { "-fips" } else { "" };
            let (prefix, region) = (service.endpoint_prefix, wanted.region);
            format!("https://{prefix}{fips}.{region}.{suffix}")
        },
        str::to_owned,
    );
    let resolved = Resolved {
        url,
        ..Resolved::default()
    };
    place(service, wanted, resolved).map(|endpoint| Endpoint {
        by_rules: false,
        ..endpoint
    })
}

fn place(
    service: &Service,
    wanted: Wanted<'_>,
    resolved: Resolved,
) -> Result<Endpoint, EndpointError> {
    let Some(parts) = split_url(&resolved.url) else {
        return Err(EndpointError::unusable_url(&resolved.url));
    };
    let (authentication, scheme) = choose(resolved.schemes.unwrap_or_default());
    let headers = resolved.headers.into_iter().filter_map(|(name, values)| {
        let first = values.into_iter().next()?;
        Some((name.to_ascii_lowercase(), first))
    });
    let headers: Vec<(String, String)> = headers.collect();
    let control = |value: &str| value.chars().any(char::is_control);
    if let Some((_, value)) = headers.iter().find(|(_, value)| control(value)) {
        return Err(EndpointError::Unusable {
            what: "header of the endpoint",
            value: value.escape_debug().to_string(),
            reason: "it must not have control characters; look at the call's parameters",
        });
    }
    // AWS Health has regional hosts, but keys are checked in one region of the partition. boto3 knows it from its
    // older list of endpoints; the rules do not say it.
    let of_partition = service.name == "health" && wanted.endpoint_url.is_none();
    let home = if of_partition {
        &partitions::known().of(wanted.region).implicit_global_region
    } else {
        wanted.region
    };
    Ok(Endpoint {
        scheme: parts.scheme,
        authority: parts.authority,
        path: parts.path,
        headers,
        signing_region: scheme.signing_region.unwrap_or_else(|| home.to_owned()),
        signing_name: scheme
            .signing_name
            .unwrap_or_else(|| service.signing_name.to_owned()),
        authentication,
        custom: wanted.endpoint_url.is_some(),
        by_rules: true,
    })
}

/// The first scheme that this crate can write, with what is to be signed for.
fn choose(schemes: Vec<AuthScheme>) -> (Authentication, AuthScheme) {
    let first = schemes.first().map(|scheme| scheme.name.clone());
    for scheme in schemes {
        let known = match scheme.name.rsplit('#').next().unwrap_or_default() {
            "sigv4" => Authentication::SigV4,
            "bearer" | "httpBearerAuth" => Authentication::Bearer,
            "none" | "noAuth" => Authentication::None,
            _ => continue,
        };
        return (known, scheme);
    }
    let authentication = first.map_or(Authentication::OfModel, Authentication::Unsupported);
    (authentication, AuthScheme::default())
}

/// What is left of an operation's URI when the rules have put the bucket into the endpoint. `None` when it stays as
/// it is.
pub(crate) fn uri_without_bucket(operation: &Operation) -> Option<Name> {
    let rest = operation.uri.strip_prefix("/{Bucket}")?;
    let by_rules = operation.context.iter().any(|context| {
        context.name == "Bucket" && context.source == ContextSource::Member("Bucket")
    });
    by_rules.then_some(rest)
}

/// Whether the rules put the operation's host prefix into the endpoint, as they do with the account id of S3
/// Control.
pub(crate) fn rules_place_prefix(operation: &Operation) -> bool {
    operation.host_prefix == Some("{AccountId}.")
        && operation.context.iter().any(|context| {
            context.name == "RequiresAccountId"
                && context.source == ContextSource::Static(Json::Bool(true))
        })
}
