//! Declared parameters and variables: names, types, defaults and constraints.

use serde_json::Value;

use crate::expr::reference::{Reference, whole};
use crate::expr::value_type::ValueType;

/// A declared parameter.
#[derive(Debug, Clone)]
pub struct Parameter {
    /// Name.
    pub name: String,
    /// Type as written, e.g. `List<AWS::EC2::Instance::Id>`.
    pub type_name: String,
    /// The type of its values.
    pub value_type: ValueType,
    /// Free text.
    pub description: Option<String>,
    /// Default; a parameter without one is required.
    pub default: Option<Value>,
    /// Rules for values given at start.
    pub constraints: Constraints,
}

impl Parameter {
    /// The path of a default `{{ssm:/path}}`, which is looked up when a run starts.
    #[must_use]
    pub fn ssm_default(&self) -> Option<String> {
        match whole(self.default.as_ref()?.as_str()?)? {
            Reference::Ssm(path) => Some(path),
            _ => None,
        }
    }
}

/// A declared variable.
#[derive(Debug, Clone)]
pub struct Variable {
    /// Name.
    pub name: String,
    /// Type.
    pub value_type: ValueType,
    /// First value.
    pub default: Option<Value>,
    /// Rules for values given by `aws:updateVariable`.
    pub constraints: Constraints,
}

/// Rules for values.
#[derive(Debug, Clone, Default)]
pub struct Constraints {
    /// The only values allowed (empty: any).
    pub allowed_values: Vec<Value>,
    /// Regular expression that every text must match as a whole.
    pub allowed_pattern: Option<String>,
    /// The pattern that a resource type implies.
    pub implied_pattern: Option<&'static str>,
    /// Least number of list items.
    pub min_items: Option<u64>,
    /// Most list items.
    pub max_items: Option<u64>,
    /// Shortest text, in characters.
    pub min_chars: Option<u64>,
    /// Longest text, in characters.
    pub max_chars: Option<u64>,
    /// Least integer.
    pub min_value: Option<i64>,
    /// Greatest integer.
    pub max_value: Option<i64>,
}

/// The patterns that resource types imply.
const RESOURCE_TYPES: [(&str, &str); 3] = [
    ("AWS::EC2::Instance::Id", "^m?i-([a-z0-9]{8}|[a-z0-9]{17})$"),
    ("AWS::S3::Bucket::Name", "^[0-9a-z][a-z0-9\\-\\.]{3,63}$"),
    (
        "AWS::IAM::Role::Arn",
        "^arn:(aws|aws-cn|aws-us-gov|aws-iso|aws-iso-b):iam::[0-9]{12}:role/.*$",
    ),
];

/// The value type behind a type's name, and the pattern it implies. Any `AWS::...` type is text.
pub(crate) fn read_type(name: &str) -> Option<(ValueType, Option<&'static str>)> {
    if let Some(plain) = ValueType::parse(name) {
        return Some((plain, None));
    }
    let (resource, value_type) = match name
        .strip_prefix("List<")
        .and_then(|rest| rest.strip_suffix('>'))
    {
        Some(inner) => (inner.trim(), ValueType::StringList),
        None => (name, ValueType::String),
    };
    let legal = resource.split("::").count() >= 2
        && resource.starts_with("AWS::")
        && resource
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b':');
    let pattern = RESOURCE_TYPES
        .iter()
        .find(|(known, _)| *known == resource)
        .map(|(_, pattern)| *pattern);
    legal.then_some((value_type, pattern))
}
