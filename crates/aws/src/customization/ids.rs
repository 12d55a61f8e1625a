//! Names, ids and addresses among the parameters.

use serde_json::Value;

use super::{Params, Place};
use crate::{Error, HttpRequest, endpoint};

/// Another name for a parameter: `alias` is taken where the operation has `name`.
fn alias(place: &Place<'_>, params: &mut Params, name: &str, alias: &str) -> Result<(), Error> {
    let has = |name: &str| {
        place
            .input()
            .is_some_and(|input| input.member(name).is_some())
    };
    if !has(name) || has(alias) || !params.contains_key(alias) {
        return Ok(());
    }
    if params.contains_key(name) {
        return Err(Error::Parameters(format!(
            "Parameter \"{alias}\" stands for \"{name}\" of {}: give one of them",
            place.operation.name
        )));
    }
    if let Some(value) = params.remove(alias) {
        params.insert(name.to_owned(), value);
    }
    Ok(())
}

pub(super) fn filters_alias(place: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    alias(place, params, "Filter", "Filters")
}

pub(super) fn from_alias(place: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    alias(place, params, "from", "fromTime")
}

pub(super) fn return_alias(place: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    alias(place, params, "return", "returnFields")
}

pub(super) fn glacier_account(place: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    let absent = params.get("accountId").is_none_or(Value::is_null);
    if absent
        && place
            .input()
            .is_some_and(|input| input.member("accountId").is_some())
    {
        params.insert("accountId".to_owned(), "-".into());
    }
    Ok(())
}

/// An ARN as `arn:aws:s3-outposts:eu-west-1:123456789012:outpost:op-1:bucket:b` stands for its account as well.
pub(super) fn outpost_account(place: &Place<'_>, params: &mut Params) -> Result<(), Error> {
    // The name of an access point to be made is no ARN.
    let members: &[&str] = match place.operation.name {
        "CreateAccessPoint" => &["Bucket"],
        _ => &["Bucket", "Name"],
    };
    for member in members {
        let arn = params.get(*member).and_then(Value::as_str);
        let Some(arn) = arn.filter(|text| text.starts_with("arn:")) else {
            continue;
        };
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let account = match parts.as_slice() {
            [_, _, "s3-outposts", _, account, resource] if resource.starts_with("outpost") => {
                (*account).to_owned()
            }
            _ => {
                return Err(Error::Parameters(format!(
                    "Invalid value for parameter {member}: the ARN `{arn}` is not that of a bucket or access point on an outpost"
                )));
            }
        };
        match params.get("AccountId").and_then(Value::as_str) {
            Some(given) if given != account => {
                return Err(Error::Parameters(format!(
                    "Invalid value for parameter AccountId: it is `{given}`, and the ARN in {member} has `{account}`; leave one out"
                )));
            }
            _ => params.insert("AccountId".to_owned(), account.into()),
        };
    }
    Ok(())
}

/// Operations whose `Id` is that of a zone, a change or a delegation set; other ids of the service are never paths.
const ROUTE53_ID: [&str; 6] = [
    "DeleteHostedZone",
    "DeleteReusableDelegationSet",
    "GetChange",
    "GetHostedZone",
    "GetReusableDelegationSet",
    "UpdateHostedZoneComment",
];

/// `/hostedzone/Z1` is `Z1`.
pub(super) fn bare_route53_ids(place: &Place<'_>, params: &mut Params) {
    let mut names = vec!["HostedZoneId", "HostedZoneIdMarker", "DelegationSetId"];
    if ROUTE53_ID.contains(&place.operation.name) {
        names.push("Id");
    }
    for name in names {
        if let Some(Value::String(id)) = params.get_mut(name)
            && let Some((_, bare)) = id.rsplit_once('/')
        {
            *id = bare.to_owned();
        }
    }
}

/// `PredictEndpoint` is a URL: its scheme and host take the place of the service's.
pub(super) fn predict_endpoint(params: &Params, request: &mut HttpRequest) {
    let url = params.get("PredictEndpoint").and_then(Value::as_str);
    if let Some(parts) = url.and_then(endpoint::split_url) {
        request.set_header("host", parts.authority.clone());
        request.scheme = parts.scheme;
        request.authority = parts.authority;
    }
}
