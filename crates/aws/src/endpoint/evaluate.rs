//! Evaluation of compiled endpoint rules.
//!
//! Rules are tried in their order; the first whose conditions hold and that leads to an endpoint or an error decides.
//! A tree in which nothing fits is passed over, as botocore does it.

use std::borrow::Cow;
use std::rc::Rc;

use serde_json::{Map, Value as Json};

use super::functions;
use super::partitions::Partitions;
use super::rules::{
    Condition, Expression, Function, Parameter, ParameterKind, Part, Property, Rule, RuleSet,
    Scheme, Target, Then,
};
use super::value::Value;
use crate::options::EndpointParameter;
use crate::percent;

/// Longest text that an evaluation makes, in bytes. No host or path comes near it.
const MAX_TEXT: usize = 16 * 1024;

/// What rules say about a call.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Resolved {
    /// Where it goes.
    pub url: String,
    /// Headers to send with it.
    pub headers: Vec<(String, Vec<String>)>,
    /// How it may be authenticated, best first; `None` when the rules leave that to the service's model.
    pub schemes: Option<Vec<AuthScheme>>,
    /// Whatever else the rules tell.
    pub properties: Map<String, Json>,
}

/// A way of authenticating a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthScheme {
    /// `sigv4`, `sigv4a`, `sigv4-s3express`, ...
    pub name: String,
    /// Service to sign for.
    pub signing_name: Option<String>,
    /// Region to sign for.
    pub signing_region: Option<String>,
    /// Regions to sign for (`sigv4a`).
    pub signing_region_set: Option<Vec<String>>,
    /// The path is signed as it is sent.
    pub disable_double_encoding: Option<bool>,
}

/// Why rules give no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The rules refuse the call. Their words, as they stand.
    #[error("{0}")]
    Refused(String),
    /// A parameter is missing. botocore's words.
    #[error("Cannot find value for required parameter {0}")]
    Missing(String),
    /// A parameter has a value of another type.
    #[error("endpoint parameter `{name}` must be {wanted}")]
    Parameter {
        /// Name in the rules.
        name: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// The rules themselves are at fault.
    #[error("the endpoint rules cannot be followed: {0}")]
    Rules(&'static str),
}

impl RuleSet {
    /// Evaluates the rules with parameters by their names. Names that the rules do not have are not looked at.
    ///
    /// # Errors
    /// [`RuleError`].
    pub fn evaluate(
        &self,
        partitions: &Partitions,
        given: &std::collections::BTreeMap<String, EndpointParameter>,
    ) -> Result<Resolved, RuleError> {
        self.evaluate_with(partitions, |parameter| {
            let value = given.get(&parameter.name);
            Ok(value.map_or(Value::Unset, Value::of_parameter))
        })
    }

    /// Evaluates the rules; `value` gives those parameters that have one.
    pub(super) fn evaluate_with<'a>(
        &'a self,
        partitions: &'a Partitions,
        mut value: impl FnMut(&'a Parameter) -> Result<Value<'a>, RuleError>,
    ) -> Result<Resolved, RuleError> {
        let mut places = Vec::with_capacity(self.places);
        for parameter in &self.parameters {
            let mut given = value(parameter)?;
            if given == Value::Unset {
                given = match &parameter.default {
                    Some(default) => Value::of_parameter(default),
                    None if parameter.required => {
                        return Err(RuleError::Missing(parameter.name.clone()));
                    }
                    None => given,
                };
            }
            let fits = matches!(
                (&given, parameter.kind),
                (Value::Unset, _)
                    | (Value::Text(_), ParameterKind::Text)
                    | (Value::Flag(_), ParameterKind::Flag)
                    | (Value::List(_), ParameterKind::List)
            );
            if !fits {
                return Err(RuleError::Parameter {
                    name: parameter.name.clone(),
                    wanted: parameter.kind.words(),
                });
            }
            places.push(given);
        }
        places.resize(self.places, Value::Unset);
        let mut evaluation = Evaluation { places, partitions };
        evaluation
            .first_of(&self.rules)?
            .ok_or(RuleError::Rules("none of them fits this call"))
    }
}

impl<'a> Value<'a> {
    pub(super) fn of_parameter(parameter: &'a EndpointParameter) -> Self {
        match parameter {
            EndpointParameter::Text(text) => Self::text(text.as_str()),
            EndpointParameter::Flag(flag) => Self::Flag(*flag),
            EndpointParameter::List(items) => Self::List(
                items
                    .iter()
                    .map(|item| Cow::Borrowed(item.as_str()))
                    .collect(),
            ),
        }
    }
}

struct Evaluation<'a> {
    places: Vec<Value<'a>>,
    partitions: &'a Partitions,
}

type Evaluated<T> = Result<T, RuleError>;

impl<'a> Evaluation<'a> {
    fn first_of(&mut self, rules: &'a [Rule]) -> Evaluated<Option<Resolved>> {
        for rule in rules {
            if !self.all_hold(&rule.conditions)? {
                continue;
            }
            match &rule.then {
                Then::Rules(rules) => {
                    if let Some(resolved) = self.first_of(rules)? {
                        return Ok(Some(resolved));
                    }
                }
                Then::Endpoint(target) => return self.target(target).map(Some),
                Then::Error(message) => {
                    return Err(RuleError::Refused(self.text(message)?.into_owned()));
                }
            }
        }
        Ok(None)
    }

    fn all_hold(&mut self, conditions: &'a [Condition]) -> Evaluated<bool> {
        for condition in conditions {
            let value = self.call(&condition.call)?;
            if !value.holds() {
                return Ok(false);
            }
            // INVARIANT: what an abandoned rule left in a place is not seen: only what follows the assignment, in
            // this rule or within it, refers to the place.
            if let Some(place) = condition
                .assign
                .and_then(|place| self.places.get_mut(place))
            {
                *place = value;
            }
        }
        Ok(true)
    }

    fn target(&self, target: &'a Target) -> Evaluated<Resolved> {
        let texts = |expressions: &'a [Expression]| {
            expressions
                .iter()
                .map(|expression| self.text(expression).map(Cow::into_owned))
                .collect::<Evaluated<Vec<String>>>()
        };
        let mut resolved = Resolved {
            url: self.text(&target.url)?.into_owned(),
            ..Resolved::default()
        };
        for (name, values) in &target.headers {
            resolved.headers.push((name.to_string(), texts(values)?));
        }
        if let Some(schemes) = &target.schemes {
            let schemes = schemes.iter().map(|scheme| self.scheme(scheme));
            resolved.schemes = Some(schemes.collect::<Evaluated<_>>()?);
        }
        for (name, property) in &target.properties {
            resolved
                .properties
                .insert(name.to_string(), self.property(property)?);
        }
        Ok(resolved)
    }

    fn scheme(&self, scheme: &'a Scheme) -> Evaluated<AuthScheme> {
        let text = |expression: &'a Option<Expression>| {
            expression
                .as_ref()
                .map(|expression| self.text(expression).map(Cow::into_owned))
                .transpose()
        };
        let set = scheme.signing_region_set.as_ref().map(|regions| {
            regions
                .iter()
                .map(|region| self.text(region).map(Cow::into_owned))
                .collect()
        });
        Ok(AuthScheme {
            name: scheme.name.to_string(),
            signing_name: text(&scheme.signing_name)?,
            signing_region: text(&scheme.signing_region)?,
            signing_region_set: set.transpose()?,
            disable_double_encoding: scheme.disable_double_encoding,
        })
    }

    fn property(&self, property: &'a Property) -> Evaluated<Json> {
        Ok(match property {
            Property::Text(expression) => self.text(expression)?.into_owned().into(),
            Property::Plain(plain) => plain.clone(),
            Property::List(items) => items
                .iter()
                .map(|item| self.property(item))
                .collect::<Evaluated<Vec<_>>>()?
                .into(),
            Property::Map(members) => members
                .iter()
                .map(|(name, member)| Ok((name.to_string(), self.property(member)?)))
                .collect::<Evaluated<Map<_, _>>>()?
                .into(),
        })
    }

    fn value(&self, expression: &'a Expression) -> Evaluated<Cow<'_, Value<'a>>> {
        Ok(match expression {
            Expression::Place(place) => self
                .places
                .get(*place)
                .map_or(Cow::Owned(Value::Unset), Cow::Borrowed),
            Expression::Text(text) => Cow::Owned(Value::text(&**text)),
            Expression::Flag(flag) => Cow::Owned(Value::Flag(*flag)),
            Expression::Template(parts) => Cow::Owned(Value::text(self.template(parts)?)),
            Expression::Call(call) => Cow::Owned(self.call(call)?),
        })
    }

    /// The text of an expression that must have one.
    fn text(&self, expression: &'a Expression) -> Evaluated<Cow<'a, str>> {
        self.some_text(expression)?
            .ok_or(RuleError::Rules("a value that is needed is not set"))
    }

    /// The text of an expression that may be unset.
    fn some_text(&self, expression: &'a Expression) -> Evaluated<Option<Cow<'a, str>>> {
        match &*self.value(expression)? {
            Value::Text(text) => Ok(Some(text.clone())),
            Value::Unset => Ok(None),
            _ => Err(RuleError::Rules("a value that should be text is not")),
        }
    }

    fn flag(&self, expression: &'a Expression) -> Evaluated<bool> {
        match &*self.value(expression)? {
            Value::Flag(flag) => Ok(*flag),
            _ => Err(RuleError::Rules(
                "a value that should be true or false is not",
            )),
        }
    }

    fn template(&self, parts: &'a [Part]) -> Evaluated<String> {
        let mut out = String::new();
        for part in parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value(place, path) => {
                    let value = self.places.get(*place).and_then(|value| value.at(path));
                    match value {
                        Some(Value::Text(text)) => out.push_str(&text),
                        Some(Value::Flag(flag)) => {
                            out.push_str(if flag { "true" } else { "false" })
                        }
                        Some(Value::Unset) => {
                            return Err(RuleError::Rules("a value of a template is not set"));
                        }
                        _ => return Err(RuleError::Rules("a value of a template is not text")),
                    }
                }
            }
            if out.len() > MAX_TEXT {
                return Err(RuleError::Rules("a text became longer than 16 KiB"));
            }
        }
        Ok(out)
    }

    fn call(&self, call: &'a Function) -> Evaluated<Value<'a>> {
        Ok(match call {
            Function::IsSet(value) => Value::Flag(*self.value(value)? != Value::Unset),
            Function::Not(value) => Value::Flag(!self.value(value)?.holds()),
            Function::BooleanEquals(left, right) => {
                Value::Flag(self.flag(left)? == self.flag(right)?)
            }
            Function::StringEquals(left, right) => {
                Value::Flag(self.text(left)? == self.text(right)?)
            }
            Function::GetAttr(value, path) => self.value(value)?.at(path).ok_or(
                RuleError::Rules("an attribute is asked of a value that has none such"),
            )?,
            Function::Partition(region) => {
                let region = self.some_text(region)?.unwrap_or_default();
                Value::Partition(self.partitions.of(&region))
            }
            Function::IsValidHostLabel(text, dots) => {
                let dots = self.flag(dots)?;
                let text = self.some_text(text)?;
                Value::Flag(text.is_some_and(|text| functions::is_valid_host_label(&text, dots)))
            }
            Function::IsVirtualHostableBucket(name, dots) => {
                let dots = self.flag(dots)?;
                let name = self.some_text(name)?;
                let fits =
                    name.is_some_and(|name| functions::is_virtual_hostable_bucket(&name, dots));
                Value::Flag(fits)
            }
            Function::Coalesce(values) => self.coalesce(values)?,
            Function::IfThenElse(condition, then, otherwise) => {
                let chosen = if self.flag(condition)? {
                    then
                } else {
                    otherwise
                };
                self.value(chosen)?.into_owned()
            }
            Function::Substring { .. }
            | Function::UriEncode(_)
            | Function::ParseUrl(_)
            | Function::ParseArn(_)
            | Function::Split(..) => self.text_function(call)?.unwrap_or(Value::Unset),
        })
    }

    fn coalesce(&self, values: &'a [Expression]) -> Evaluated<Value<'a>> {
        for value in values {
            let value = self.value(value)?;
            if *value != Value::Unset {
                return Ok(value.into_owned());
            }
        }
        Ok(Value::Unset)
    }

    /// Functions of a text that may give nothing.
    fn text_function(&self, call: &'a Function) -> Evaluated<Option<Value<'a>>> {
        Ok(match call {
            Function::Substring {
                text,
                range,
                reverse,
            } => {
                let reverse = self.flag(reverse)?;
                match self.text(text)? {
                    Cow::Borrowed(text) => {
                        functions::substring(text, *range, reverse).map(Value::text)
                    }
                    Cow::Owned(text) => functions::substring(&text, *range, reverse)
                        .map(|part| Value::text(part.to_owned())),
                }
            }
            Function::UriEncode(text) => match self.some_text(text)? {
                Some(text) if text.len() > MAX_TEXT => {
                    return Err(RuleError::Rules("a text became longer than 16 KiB"));
                }
                text => text.map(|text| Value::text(percent::encode(&text))),
            },
            Function::ParseUrl(text) => self
                .some_text(text)?
                .and_then(|text| functions::parse_url(&text))
                .map(|url| Value::Url(Rc::new(url))),
            Function::ParseArn(text) => self
                .some_text(text)?
                .and_then(|text| functions::parse_arn(&text))
                .map(|arn| Value::Arn(Rc::new(arn))),
            Function::Split(text, delimiter, limit) => {
                let delimiter = self.text(delimiter)?;
                self.some_text(text)?
                    .and_then(|text| functions::split(&text, &delimiter, *limit))
                    .map(Value::List)
            }
            _ => None,
        })
    }
}
