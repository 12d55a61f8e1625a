//! From the JSON form of endpoint rules to the compiled one. Names are looked up here, once, and not with each call.

use serde_json::{Map, Value as Json};

use super::rules::{
    BuiltIn, Condition, Expression, Function, Malformed, Parameter, ParameterKind, Part, Property,
    Rule, RuleSet, Scheme, Target, Then,
};
use super::value::parse_path;
use crate::options::EndpointParameter;

/// Longest document, in bytes; the largest real one has 0.3 MB.
const MAX_DOCUMENT: usize = 4 * 1024 * 1024;
/// Deepest nesting of rules; the deepest real one is 18.
const MAX_DEPTH: usize = 64;
/// Most parameters and variables at one place; real rule sets need about 30.
const MAX_PLACES: usize = 512;

type Compiled<T> = Result<T, Malformed>;

fn wrong<T>(what: impl Into<String>) -> Compiled<T> {
    Err(Malformed {
        place: String::new(),
        what: what.into(),
    })
}

/// Adds to an error where it was found.
fn within<T>(result: Compiled<T>, place: &str) -> Compiled<T> {
    result.map_err(|error| Malformed {
        place: if error.place.is_empty() {
            place.to_owned()
        } else if error.place.starts_with('[') {
            format!("{place}{}", error.place)
        } else {
            format!("{place}.{}", error.place)
        },
        what: error.what,
    })
}

/// Compiles each element of a list.
fn each<'j, T>(
    json: &'j Json,
    mut compile: impl FnMut(&'j Json) -> Compiled<T>,
) -> Compiled<Box<[T]>> {
    let Json::Array(items) = json else {
        return wrong("must be a list");
    };
    let compiled = items
        .iter()
        .enumerate()
        .map(|(at, item)| within(compile(item), &format!("[{at}]")));
    compiled.collect()
}

/// A member that must be there.
fn member<'j>(json: &'j Json, name: &str) -> Compiled<&'j Json> {
    match json.get(name) {
        Some(value) => Ok(value),
        None => wrong(format!("`{name}` is missing")),
    }
}

fn entries(json: &Json) -> Compiled<&Map<String, Json>> {
    json.as_object()
        .map_or_else(|| wrong("must be an object"), Ok)
}

fn string(json: &Json) -> Compiled<&str> {
    json.as_str().map_or_else(|| wrong("must be text"), Ok)
}

pub(super) fn rule_set(text: &str) -> Compiled<RuleSet> {
    if text.len() > MAX_DOCUMENT {
        return wrong("the document is larger than 4 MiB");
    }
    let json: Json = serde_json::from_str(text).map_err(|error| Malformed {
        place: String::new(),
        what: format!("the document is not JSON: {error}"),
    })?;
    let given = within(member(&json, "parameters").and_then(entries), "parameters")?;
    let parameters = given
        .iter()
        .map(|(name, json)| within(parameter(name, json), &format!("parameters.{name}")))
        .collect::<Compiled<Box<[Parameter]>>>()?;
    let mut scope = Scope {
        names: given.keys().map(String::as_str).collect(),
        most: given.len(),
        depth: 0,
    };
    if scope.names.len() > MAX_PLACES {
        return wrong("there are more than 512 parameters");
    }
    let rules = within(
        member(&json, "rules").and_then(|rules| each(rules, |json| scope.rule(json))),
        "rules",
    )?;
    Ok(RuleSet {
        parameters,
        rules,
        places: scope.most,
    })
}

fn parameter(name: &str, json: &Json) -> Compiled<Parameter> {
    let kind = match string(member(json, "type")?)?.to_ascii_lowercase().as_str() {
        "string" => ParameterKind::Text,
        "boolean" => ParameterKind::Flag,
        "stringarray" => ParameterKind::List,
        other => return wrong(format!("type `{other}` is not known")),
    };
    let built_in = match json.get("builtIn") {
        None | Some(Json::Null) => None,
        Some(json) => match BuiltIn::named(string(json)?) {
            None => return wrong(format!("built-in `{}` is not known", string(json)?)),
            known => known,
        },
    };
    let default = match (json.get("default"), kind) {
        (None | Some(Json::Null), _) => None,
        (Some(Json::String(text)), ParameterKind::Text) => {
            Some(EndpointParameter::Text(text.clone()))
        }
        (Some(Json::Bool(flag)), ParameterKind::Flag) => Some(EndpointParameter::Flag(*flag)),
        (Some(items @ Json::Array(_)), ParameterKind::List) => {
            let items = each(items, |item| string(item).map(str::to_owned))?;
            Some(EndpointParameter::List(items.into_vec()))
        }
        _ => return wrong(format!("the default must be {}", kind.words())),
    };
    Ok(Parameter {
        name: name.to_owned(),
        kind,
        built_in,
        default,
        required: json.get("required").and_then(Json::as_bool) == Some(true),
    })
}

/// The names that can be referred to at a place of the document; the index is the number of the place.
struct Scope<'j> {
    names: Vec<&'j str>,
    most: usize,
    depth: usize,
}

impl<'j> Scope<'j> {
    fn rule(&mut self, json: &'j Json) -> Compiled<Rule> {
        if self.depth >= MAX_DEPTH {
            return wrong("rules are nested deeper than 64");
        }
        let outer = self.names.len();
        self.depth += 1;
        let rule = self.conditions_and_result(json);
        self.depth -= 1;
        // What a rule assigns is known to it and the rules in it only.
        self.names.truncate(outer);
        rule
    }

    fn conditions_and_result(&mut self, json: &'j Json) -> Compiled<Rule> {
        let conditions = match json.get("conditions") {
            None => Box::default(),
            Some(list) => within(each(list, |json| self.condition(json)), "conditions")?,
        };
        let then = match string(member(json, "type")?)? {
            "tree" => Then::Rules(within(
                each(member(json, "rules")?, |json| self.rule(json)),
                "rules",
            )?),
            "endpoint" => Then::Endpoint(Box::new(within(
                self.target(member(json, "endpoint")?),
                "endpoint",
            )?)),
            "error" => Then::Error(within(self.expression(member(json, "error")?), "error")?),
            other => {
                return wrong(format!(
                    "type `{other}` is not known; it is `tree`, `endpoint` or `error`"
                ));
            }
        };
        Ok(Rule { conditions, then })
    }

    fn condition(&mut self, json: &'j Json) -> Compiled<Condition> {
        let call = self.function(json)?;
        let assign = match json.get("assign") {
            None => None,
            Some(name) => {
                let name = string(name)?;
                if self.names.contains(&name) {
                    return wrong(format!("`{name}` is already set and cannot be set again"));
                }
                if self.names.len() >= MAX_PLACES {
                    return wrong("there are more than 512 variables");
                }
                self.names.push(name);
                self.most = self.most.max(self.names.len());
                Some(self.names.len() - 1)
            }
        };
        Ok(Condition { call, assign })
    }

    fn target(&self, json: &'j Json) -> Compiled<Target> {
        let url = within(self.expression(member(json, "url")?), "url")?;
        let mut headers = Vec::new();
        if let Some(given) = json.get("headers") {
            for (name, values) in within(entries(given), "headers")? {
                let values = within(
                    each(values, |value| self.expression(value)),
                    &format!("headers.{name}"),
                )?;
                headers.push((name.as_str().into(), values));
            }
        }
        let (mut schemes, mut properties) = (None, Vec::new());
        if let Some(given) = json.get("properties") {
            for (name, value) in within(entries(given), "properties")? {
                let place = format!("properties.{name}");
                if name == "authSchemes" {
                    let compiled = each(value, |scheme| self.scheme(scheme));
                    schemes = Some(within(compiled, &place)?);
                } else {
                    let property = within(self.property(value), &place)?;
                    properties.push((name.as_str().into(), property));
                }
            }
        }
        Ok(Target {
            url,
            headers: headers.into(),
            schemes,
            properties: properties.into(),
        })
    }

    fn scheme(&self, json: &'j Json) -> Compiled<Scheme> {
        let place = |name: &str| {
            json.get(name)
                .map(|value| within(self.expression(value), name))
                .transpose()
        };
        let set = json.get("signingRegionSet").map(|regions| {
            within(
                each(regions, |region| self.expression(region)),
                "signingRegionSet",
            )
        });
        Ok(Scheme {
            name: string(member(json, "name")?)?.into(),
            signing_name: place("signingName")?,
            signing_region: place("signingRegion")?,
            signing_region_set: set.transpose()?,
            disable_double_encoding: json.get("disableDoubleEncoding").and_then(Json::as_bool),
        })
    }

    fn property(&self, json: &'j Json) -> Compiled<Property> {
        Ok(match json {
            Json::String(_) => Property::Text(self.expression(json)?),
            Json::Array(_) => Property::List(each(json, |item| self.property(item))?),
            Json::Object(members) => {
                let members = members
                    .iter()
                    .map(|(name, value)| {
                        within(self.property(value), name)
                            .map(|property| (name.as_str().into(), property))
                    })
                    .collect::<Compiled<Box<[_]>>>()?;
                Property::Map(members)
            }
            plain => Property::Plain(plain.clone()),
        })
    }

    fn place(&self, name: &str) -> Compiled<usize> {
        let found = self.names.iter().position(|known| *known == name);
        found.map_or_else(
            || wrong(format!("`{name}` is neither a parameter nor set before")),
            Ok,
        )
    }

    fn expression(&self, json: &'j Json) -> Compiled<Expression> {
        match json {
            Json::String(text) => self.template(text),
            Json::Bool(flag) => Ok(Expression::Flag(*flag)),
            Json::Object(members) => match members.get("ref") {
                Some(name) => self.place(string(name)?).map(Expression::Place),
                None if members.contains_key("assign") => {
                    wrong("only a condition can set a variable, not a function within it")
                }
                None => Ok(Expression::Call(Box::new(self.function(json)?))),
            },
            _ => wrong("must be text, a truth value, a reference or a function"),
        }
    }

    /// `{Name}` and `{Name#path}` stand for values, `{{` and `}}` for braces.
    fn template(&self, text: &str) -> Compiled<Expression> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, after) = rest.split_at_checked(at).unwrap_or((rest, ""));
            literal.push_str(before);
            if let Some(after) = after.strip_prefix("{{") {
                literal.push('{');
                rest = after;
            } else if let Some(after) = after.strip_prefix("}}") {
                literal.push('}');
                rest = after;
            } else {
                let Some((inner, after)) = after
                    .strip_prefix('{')
                    .and_then(|open| open.split_once('}'))
                else {
                    return wrong(format!("`{text}` has a brace without its partner"));
                };
                let (name, path) = inner.split_once('#').unwrap_or((inner, ""));
                let steps = if path.is_empty() {
                    Some(Box::default())
                } else {
                    // `{a#b#c}` is the same as `{a#b.c}`.
                    parse_path(&path.replace('#', "."))
                };
                let Some(steps) = steps else {
                    return wrong(format!("`{path}` is not an attribute that is known"));
                };
                if !literal.is_empty() {
                    parts.push(Part::Text(std::mem::take(&mut literal).into()));
                }
                parts.push(Part::Value(self.place(name)?, steps));
                rest = after;
            }
        }
        literal.push_str(rest);
        if parts.is_empty() {
            return Ok(Expression::Text(literal.into()));
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal.into()));
        }
        Ok(Expression::Template(parts.into()))
    }

    fn function(&self, json: &'j Json) -> Compiled<Function> {
        let name = string(member(json, "fn")?)?;
        let Json::Array(arguments) = member(json, "argv")? else {
            return wrong(format!("the arguments of `{name}` must be a list"));
        };
        within(self.call(name, arguments), name)
    }

    fn call(&self, name: &str, arguments: &'j [Json]) -> Compiled<Function> {
        let one = |at: usize| match arguments.get(at) {
            Some(argument) => within(self.expression(argument), &format!("[{at}]")),
            None => wrong(format!("argument {} is missing", at + 1)),
        };
        let number = |at: usize| {
            let number = arguments.get(at).and_then(Json::as_u64);
            number
                .and_then(|number| usize::try_from(number).ok())
                .map_or_else(
                    || wrong(format!("argument {} must be a number", at + 1)),
                    Ok,
                )
        };
        let count = |wanted: usize| {
            if arguments.len() == wanted {
                Ok(())
            } else {
                wrong(format!("takes {wanted} arguments, not {}", arguments.len()))
            }
        };
        let wanted = match name {
            "isSet" | "not" | "uriEncode" | "parseURL" | "aws.partition" | "aws.parseArn" => 1,
            "ite" | "split" => 3,
            "substring" => 4,
            "coalesce" => arguments.len().max(2),
            _ => 2,
        };
        count(wanted)?;
        Ok(match name {
            "isSet" => Function::IsSet(one(0)?),
            "not" => Function::Not(one(0)?),
            "uriEncode" => Function::UriEncode(one(0)?),
            "parseURL" => Function::ParseUrl(one(0)?),
            "aws.partition" => Function::Partition(one(0)?),
            "aws.parseArn" => Function::ParseArn(one(0)?),
            "stringEquals" => Function::StringEquals(one(0)?, one(1)?),
            "booleanEquals" => Function::BooleanEquals(one(0)?, one(1)?),
            "isValidHostLabel" => Function::IsValidHostLabel(one(0)?, one(1)?),
            "aws.isVirtualHostableS3Bucket" => Function::IsVirtualHostableBucket(one(0)?, one(1)?),
            "getAttr" => {
                let path = arguments.get(1).and_then(Json::as_str).and_then(parse_path);
                match path {
                    Some(path) => Function::GetAttr(one(0)?, path),
                    None => return wrong("its path leads to no attribute that is known"),
                }
            }
            "substring" => Function::Substring {
                text: one(0)?,
                range: (number(1)?, number(2)?),
                reverse: one(3)?,
            },
            "ite" => Function::IfThenElse(one(0)?, one(1)?, one(2)?),
            "split" => Function::Split(one(0)?, one(1)?, number(2)?),
            "coalesce" => {
                Function::Coalesce((0..arguments.len()).map(one).collect::<Compiled<_>>()?)
            }
            _ => return wrong("is not a function that is known"),
        })
    }
}
