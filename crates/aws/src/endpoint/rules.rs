//! A service's endpoint rules, compiled: parameters and variables are numbered places, templates are cut into parts.

use super::compile;
use super::value::Step;
use crate::options::EndpointParameter;

/// The endpoint rules of one service. Made once from their JSON form, evaluated with each call.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    pub(super) parameters: Box<[Parameter]>,
    pub(super) rules: Box<[Rule]>,
    /// Places needed for parameters and variables together.
    pub(super) places: usize,
}

/// Why rules cannot be compiled: what is wrong, and where in the document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at `{place}`: {what}")]
pub struct Malformed {
    /// Way from the document's root, as `rules[0].conditions[2]`.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// A parameter of the rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Name, as `Region`.
    pub name: String,
    /// Type of its values.
    pub kind: ParameterKind,
    /// Taken from the caller's options when the call itself gives nothing.
    pub built_in: Option<BuiltIn>,
    /// Taken when nothing gives a value.
    pub default: Option<EndpointParameter>,
    /// Without a value there is no endpoint.
    pub required: bool,
}

/// Type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// Text.
    Text,
    /// Truth value.
    Flag,
    /// List of text.
    List,
}

impl ParameterKind {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Flag => "true or false",
            Self::List => "a list of text",
        }
    }
}

/// What a parameter can be taken from beside the call's own parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuiltIn {
    /// `AWS::Region`.
    Region,
    /// `AWS::UseFIPS`.
    UseFips,
    /// `AWS::UseDualStack`.
    UseDualStack,
    /// `SDK::Endpoint`.
    Endpoint,
    /// `AWS::Auth::AccountId`.
    AccountId,
    /// `AWS::Auth::AccountIdEndpointMode`.
    AccountIdEndpointMode,
    /// `AWS::STS::UseGlobalEndpoint`.
    StsUseGlobalEndpoint,
    /// `AWS::S3::UseGlobalEndpoint`.
    S3UseGlobalEndpoint,
    /// `AWS::S3::Accelerate`.
    S3Accelerate,
    /// `AWS::S3::ForcePathStyle`.
    S3ForcePathStyle,
    /// `AWS::S3::UseArnRegion`.
    S3UseArnRegion,
    /// `AWS::S3::DisableMultiRegionAccessPoints`.
    S3DisableMultiRegionAccessPoints,
    /// `AWS::S3::DisableS3ExpressSessionAuth`.
    S3DisableExpressSessionAuth,
    /// `AWS::S3Control::UseArnRegion`.
    S3ControlUseArnRegion,
}

const BUILT_INS: [(&str, BuiltIn); 14] = [
    ("AWS::Region", BuiltIn::Region),
    ("AWS::UseFIPS", BuiltIn::UseFips),
    ("AWS::UseDualStack", BuiltIn::UseDualStack),
    ("SDK::Endpoint", BuiltIn::Endpoint),
    ("AWS::Auth::AccountId", BuiltIn::AccountId),
    (
        "AWS::Auth::AccountIdEndpointMode",
        BuiltIn::AccountIdEndpointMode,
    ),
    ("AWS::STS::UseGlobalEndpoint", BuiltIn::StsUseGlobalEndpoint),
    ("AWS::S3::UseGlobalEndpoint", BuiltIn::S3UseGlobalEndpoint),
    ("AWS::S3::Accelerate", BuiltIn::S3Accelerate),
    ("AWS::S3::ForcePathStyle", BuiltIn::S3ForcePathStyle),
    ("AWS::S3::UseArnRegion", BuiltIn::S3UseArnRegion),
    (
        "AWS::S3::DisableMultiRegionAccessPoints",
        BuiltIn::S3DisableMultiRegionAccessPoints,
    ),
    (
        "AWS::S3::DisableS3ExpressSessionAuth",
        BuiltIn::S3DisableExpressSessionAuth,
    ),
    (
        "AWS::S3Control::UseArnRegion",
        BuiltIn::S3ControlUseArnRegion,
    ),
];

impl BuiltIn {
    /// The built-in of this name, as `AWS::Region`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        BUILT_INS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, built_in)| *built_in)
    }
}

impl RuleSet {
    /// Compiles rules from their JSON form, as in botocore's `endpoint-rule-set-1.json`.
    ///
    /// # Errors
    /// [`Malformed`] when the text is not JSON of that form, names an unknown function, attribute, built-in or
    /// variable, or is larger than any real rule set.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        compile::rule_set(text)
    }

    /// The parameters in the order of the document.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }
}

/// A rule: when all conditions hold, what follows.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rule {
    pub(super) conditions: Box<[Condition]>,
    pub(super) then: Then,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Then {
    Rules(Box<[Rule]>),
    Endpoint(Box<Target>),
    Error(Expression),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) call: Function,
    /// Place of the variable that keeps the value.
    pub(super) assign: Option<usize>,
}

/// A header's name and values.
pub(super) type Header = (Box<str>, Box<[Expression]>);

/// An endpoint with its places still open.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Target {
    pub(super) url: Expression,
    pub(super) headers: Box<[Header]>,
    pub(super) schemes: Option<Box<[Scheme]>>,
    pub(super) properties: Box<[(Box<str>, Property)]>,
}

/// An entry of `authSchemes`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scheme {
    pub(super) name: Box<str>,
    pub(super) signing_name: Option<Expression>,
    pub(super) signing_region: Option<Expression>,
    pub(super) signing_region_set: Option<Box<[Expression]>>,
    pub(super) disable_double_encoding: Option<bool>,
}

/// A property that is no authentication scheme.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Property {
    Text(Expression),
    Plain(serde_json::Value),
    List(Box<[Property]>),
    Map(Box<[(Box<str>, Property)]>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    Text(Box<str>),
    Template(Box<[Part]>),
    Flag(bool),
    /// A parameter or variable.
    Place(usize),
    Call(Box<Function>),
}

/// A part of a template.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    Text(Box<str>),
    Value(usize, Box<[Step]>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Function {
    IsSet(Expression),
    Not(Expression),
    GetAttr(Expression, Box<[Step]>),
    StringEquals(Expression, Expression),
    BooleanEquals(Expression, Expression),
    Substring {
        text: Expression,
        range: (usize, usize),
        reverse: Expression,
    },
    UriEncode(Expression),
    ParseUrl(Expression),
    IsValidHostLabel(Expression, Expression),
    Partition(Expression),
    ParseArn(Expression),
    IsVirtualHostableBucket(Expression, Expression),
    Coalesce(Box<[Expression]>),
    IfThenElse(Expression, Expression, Expression),
    Split(Expression, Expression, usize),
}
