//! The parameters of a connection: read, completed by what is known already, and shown without their secrets.
//!
//! A change gives only what changes: what it leaves out stays. That holds for the value of a header, query or body
//! parameter too, since the API hides the values that are secret.

use model::connection::AuthorizationType;
use ports::connection::{AuthParameters, Authorization, HttpParameters, Oauth, Parameter};
use ports::vault::Secret;
use serde_json::{Map, Value, json};

use super::endpoints;
use crate::call::Call;
use crate::decode::{Fields, Text};
use crate::error::ApiError;

/// Largest size of all parameters together, in bytes: that of a secret in AWS Secrets Manager.
const MAX_BYTES: usize = 64 * 1024;
const MAX_PARAMETERS: usize = 100;
const METHODS: &[&str] = &["GET", "POST", "PUT"];

/// A user name, client id or name of a key.
const NAME: Text = Text::length(1, 512).matching(AUTH_SHOWN, is_auth);
/// A password, client secret or key.
const SECRET: Text = Text::length(1, 512).matching(AUTH_SHOWN, is_auth);
/// The header that carries an API key.
const KEY_NAME: Text = Text::length(1, 512).matching(TOKEN_SHOWN, is_token);
/// An API key: it stands in a header.
const KEY_VALUE: Text = Text::length(1, 512).matching(HEADER_SHOWN, is_header_value);
const AUTH_SHOWN: &str = "^[ \\t]*[^\\x00-\\x1F:\\x7F]+([ \\t]+[^\\x00-\\x1F:\\x7F]+)*[ \\t]*$";
const TOKEN_SHOWN: &str = "^[!#$%&'*+-.^_`|~0-9a-zA-Z]+$";
const HEADER_SHOWN: &str = "^[ \\t]*[\\x20-\\x7E]+([ \\t]+[\\x20-\\x7E]+)*[ \\t]*$";

fn is_auth(text: &str) -> bool {
    text.chars()
        .all(|c| c == '\t' || (c != ':' && !c.is_ascii_control()))
        && !text.trim_matches([' ', '\t']).is_empty()
}

fn is_token(text: &str) -> bool {
    let mark = |c: char| "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || mark(c))
}

fn is_header_value(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c == '\t' || (' '..='~').contains(&c))
}

fn is_query_text(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| matches!(c, '\n' | '\r') || !c.is_ascii_control())
}

/// A kind of HTTP parameter: its list, and what its names and values must be.
pub(super) struct Kind {
    pub(super) list: &'static str,
    pub(super) key: Text,
    pub(super) value: Text,
}

/// Headers, of connections and of targets.
pub(super) const HEADERS: Kind = Kind {
    list: "HeaderParameters",
    key: KEY_NAME,
    value: Text::length(1, 512).matching(HEADER_SHOWN, is_header_value),
};
/// Parameters of the query string, of both.
pub(super) const QUERY: Kind = Kind {
    list: "QueryStringParameters",
    key: Text::length(1, 512).matching("[^\\x00-\\x1F\\x7F]+", is_query_text),
    value: Text::length(1, 512)
        .matching("[^\\x00-\\x09\\x0B\\x0C\\x0E-\\x1F\\x7F]+", is_query_text),
};
const BODY: Kind = Kind {
    list: "BodyParameters",
    key: Text::length(1, 1024),
    value: Text::length(0, 16 * 1024),
};

/// Parameters, and how the API shows them.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) parameters: AuthParameters,
    pub(super) shown: Value,
}

/// What a connection has before a change.
pub(super) struct Before {
    pub(super) parameters: AuthParameters,
    pub(super) shown: Value,
}

/// Reads `AuthParameters` for a way to authorize.
pub(super) fn read(
    call: &Call,
    wanted: AuthorizationType,
    before: Option<&Before>,
) -> Result<Read, ApiError> {
    let empty = Map::new();
    let root = call.fields();
    let fields = match (root.object("AuthParameters")?, before) {
        (Some(fields), _) => fields,
        (None, Some(_)) => Fields::new(&empty),
        (None, None) => return Err(root.missing("AuthParameters")),
    };
    refuse_unserved(&root, &fields)?;
    let member = member_of(wanted);
    refuse_others(&fields, member)?;
    let own = match fields.object(member)? {
        Some(own) => own,
        None if before.is_some_and(|before| type_of(&before.parameters) == wanted) => {
            Fields::new(&empty)
        }
        None => return Err(fields.missing(member)),
    };
    let had = before.map(|before| &before.parameters.authorization);
    let (authorization, own_shown) = match wanted {
        AuthorizationType::Basic => basic(&own, had)?,
        AuthorizationType::ApiKey => api_key(&own, had)?,
        AuthorizationType::OauthClientCredentials => oauth(call, &own, (had, before))?,
    };
    let mut shown = Map::new();
    shown.insert(member.to_owned(), own_shown);
    let had = before.map(|before| &before.parameters.invocation);
    let invocation = http(&fields, "InvocationHttpParameters", had)?;
    let kept = before.and_then(|before| before.shown.get("InvocationHttpParameters"));
    match (&invocation, kept) {
        (Some(http), _) => {
            shown.insert("InvocationHttpParameters".to_owned(), show(http));
        }
        (None, Some(kept)) => {
            shown.insert("InvocationHttpParameters".to_owned(), kept.clone());
        }
        (None, None) => {}
    }
    let parameters = AuthParameters {
        authorization,
        invocation: invocation.or(had.cloned()).unwrap_or_default(),
    };
    if parameters.to_secret().expose().len() > MAX_BYTES {
        return Err(ApiError::validation(format!(
            "Parameter AuthParameters is not valid. Reason: all parameters together have more than {MAX_BYTES} bytes."
        )));
    }
    Ok(Read {
        parameters,
        shown: Value::Object(shown),
    })
}

fn refuse_unserved(root: &Fields<'_>, fields: &Fields<'_>) -> Result<(), ApiError> {
    let private = root.raw("InvocationConnectivityParameters").is_some()
        || fields.raw("ConnectivityParameters").is_some();
    if private {
        return Err(ApiError::validation(
            "Parameter InvocationConnectivityParameters is not valid. Reason: Quell reaches private addresses by itself where the operator allows it, leave the connectivity parameters out.",
        ));
    }
    endpoints::refuse_key(root)
}

fn member_of(wanted: AuthorizationType) -> &'static str {
    match wanted {
        AuthorizationType::Basic => "BasicAuthParameters",
        AuthorizationType::ApiKey => "ApiKeyAuthParameters",
        AuthorizationType::OauthClientCredentials => "OAuthParameters",
    }
}

fn type_of(parameters: &AuthParameters) -> AuthorizationType {
    match parameters.authorization {
        Authorization::Basic { .. } => AuthorizationType::Basic,
        Authorization::ApiKey { .. } => AuthorizationType::ApiKey,
        Authorization::OauthClientCredentials(_) => AuthorizationType::OauthClientCredentials,
    }
}

fn refuse_others(fields: &Fields<'_>, own: &str) -> Result<(), ApiError> {
    let all = [
        "BasicAuthParameters",
        "ApiKeyAuthParameters",
        "OAuthParameters",
    ];
    match all
        .iter()
        .find(|name| **name != own && fields.raw(name).is_some())
    {
        Some(other) => Err(ApiError::validation(format!(
            "Parameter AuthParameters is not valid. Reason: {other} does not fit the AuthorizationType, which takes {own}."
        ))),
        None => Ok(()),
    }
}

/// A text of the request, else of before, else an error.
fn text(
    fields: &Fields<'_>,
    (name, rule): (&str, Text),
    before: Option<&str>,
) -> Result<String, ApiError> {
    let given = fields.text(name, rule)?.or(before);
    given.map(str::to_owned).ok_or_else(|| fields.missing(name))
}

/// The same for a secret.
fn secret(
    fields: &Fields<'_>,
    (name, rule): (&str, Text),
    before: Option<&Secret>,
) -> Result<Secret, ApiError> {
    let given = fields.secret_text(name, rule)?.map(Secret::new);
    given
        .or_else(|| before.cloned())
        .ok_or_else(|| fields.missing(name))
}

fn basic(
    own: &Fields<'_>,
    before: Option<&Authorization>,
) -> Result<(Authorization, Value), ApiError> {
    let had = match before {
        Some(Authorization::Basic { username, password }) => Some((username.as_str(), password)),
        _ => None,
    };
    let username = text(own, ("Username", NAME), had.map(|had| had.0))?;
    let password = secret(own, ("Password", SECRET), had.map(|had| had.1))?;
    let shown = json!({ "Username": username });
    Ok((Authorization::Basic { username, password }, shown))
}

fn api_key(
    own: &Fields<'_>,
    before: Option<&Authorization>,
) -> Result<(Authorization, Value), ApiError> {
    let had = match before {
        Some(Authorization::ApiKey { name, value }) => Some((name.as_str(), value)),
        _ => None,
    };
    let name = text(own, ("ApiKeyName", KEY_NAME), had.map(|had| had.0))?;
    let value = secret(own, ("ApiKeyValue", KEY_VALUE), had.map(|had| had.1))?;
    let shown = json!({ "ApiKeyName": name });
    Ok((Authorization::ApiKey { name, value }, shown))
}

fn oauth(
    call: &Call,
    own: &Fields<'_>,
    (before, whole): (Option<&Authorization>, Option<&Before>),
) -> Result<(Authorization, Value), ApiError> {
    let had = match before {
        Some(Authorization::OauthClientCredentials(had)) => Some(had.as_ref()),
        _ => None,
    };
    let empty = Map::new();
    let client = match own.object("ClientParameters")? {
        Some(client) => client,
        None if had.is_some() => Fields::new(&empty),
        None => return Err(own.missing("ClientParameters")),
    };
    let client_id = text(
        &client,
        ("ClientID", NAME),
        had.map(|had| had.client_id.as_str()),
    )?;
    let client_secret = secret(
        &client,
        ("ClientSecret", SECRET),
        had.map(|had| &had.client_secret),
    )?;
    let endpoint = endpoints::read(call, own, "AuthorizationEndpoint")?;
    let endpoint = endpoint
        .or(had.map(|had| had.endpoint.as_str()))
        .ok_or_else(|| own.missing("AuthorizationEndpoint"))?;
    endpoints::refuse_wildcards(endpoint, "AuthorizationEndpoint")?;
    let method = own
        .one_of("HttpMethod", METHODS)?
        .or(had.map(|had| had.method.as_str()))
        .ok_or_else(|| own.missing("HttpMethod"))?;
    let given = http(own, "OAuthHttpParameters", had.map(|had| &had.http))?;
    let mut shown = json!({
        "ClientParameters": { "ClientID": client_id },
        "AuthorizationEndpoint": endpoint,
        "HttpMethod": method,
    });
    let kept =
        whole.and_then(|before| before.shown.pointer("/OAuthParameters/OAuthHttpParameters"));
    match (&given, kept) {
        (Some(given), _) => shown["OAuthHttpParameters"] = show(given),
        (None, Some(kept)) => shown["OAuthHttpParameters"] = kept.clone(),
        (None, None) => {}
    }
    let http = given
        .or_else(|| had.map(|had| had.http.clone()))
        .unwrap_or_default();
    let made = Oauth {
        client_id,
        client_secret,
        endpoint: endpoint.to_owned(),
        method: method.to_owned(),
        http,
    };
    Ok((Authorization::OauthClientCredentials(Box::new(made)), shown))
}

fn http(
    fields: &Fields<'_>,
    name: &str,
    before: Option<&HttpParameters>,
) -> Result<Option<HttpParameters>, ApiError> {
    let Some(own) = fields.object(name)? else {
        return Ok(None);
    };
    Ok(Some(HttpParameters {
        headers: list(&own, &HEADERS, before.map(|had| had.headers.as_slice()))?,
        query: list(&own, &QUERY, before.map(|had| had.query.as_slice()))?,
        body: list(&own, &BODY, before.map(|had| had.body.as_slice()))?,
    }))
}

fn list(
    fields: &Fields<'_>,
    kind: &Kind,
    before: Option<&[Parameter]>,
) -> Result<Vec<Parameter>, ApiError> {
    let items = fields
        .objects(kind.list, 0, MAX_PARAMETERS)?
        .unwrap_or_default();
    let mut found: Vec<Parameter> = Vec::with_capacity(items.len());
    for item in &items {
        let key = item.required_text("Key", kind.key)?;
        if found.iter().any(|have| have.key == key) {
            return Err(ApiError::validation(format!(
                "Parameter {} is not valid. Reason: the key {} stands twice.",
                kind.list,
                crate::error::echo(key)
            )));
        }
        let hidden = item.boolean("IsValueSecret")?.unwrap_or(false);
        let had = before.and_then(|had| had.iter().find(|had| had.key == key));
        found.push(Parameter {
            value: secret(item, ("Value", kind.value), had.map(|had| &had.value))?,
            key: key.to_owned(),
            secret: hidden,
        });
    }
    Ok(found)
}

/// How the API shows HTTP parameters: without the values that are secret.
fn show(http: &HttpParameters) -> Value {
    let lists = [
        (HEADERS.list, &http.headers),
        (QUERY.list, &http.query),
        (BODY.list, &http.body),
    ];
    let filled = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let shown = filled.map(|(name, list)| {
        let list: Vec<Value> = list
            .iter()
            .map(|one| {
                let mut shown = json!({ "Key": one.key, "IsValueSecret": one.secret });
                if !one.secret {
                    shown["Value"] = one.value.expose().into();
                }
                shown
            })
            .collect();
        (name.to_owned(), Value::Array(list))
    });
    Value::Object(shown.collect())
}
