//! The actions: which ones run here, which ones only SSM has, and what inputs each takes.

/// An action that this version performs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `aws:executeAwsApi`.
    ExecuteAwsApi,
    /// `aws:assertAwsResourceProperty`.
    AssertAwsResourceProperty,
    /// `aws:waitForAwsResourceProperty`.
    WaitForAwsResourceProperty,
    /// `aws:branch`.
    Branch,
    /// `aws:sleep`.
    Sleep,
    /// `aws:createTags`.
    CreateTags,
    /// `aws:changeInstanceState`.
    ChangeInstanceState,
    /// `aws:approve`.
    Approve,
    /// `aws:pause`.
    Pause,
    /// `aws:executeScript`.
    ExecuteScript,
    /// `aws:loop`.
    Loop,
    /// `aws:updateVariable`.
    UpdateVariable,
}

/// Actions that exist in SSM and not here (yet).
pub(crate) const UNSUPPORTED: [&str; 11] = [
    "aws:runCommand",
    "aws:executeAutomation",
    "aws:runInstances",
    "aws:createImage",
    "aws:copyImage",
    "aws:deleteImage",
    "aws:createStack",
    "aws:deleteStack",
    "aws:invokeLambdaFunction",
    "aws:executeStateMachine",
    "aws:invokeWebhook",
];

impl Action {
    /// All actions, in alphabetical order of their names.
    pub const ALL: [Self; 12] = [
        Self::Approve,
        Self::AssertAwsResourceProperty,
        Self::Branch,
        Self::ChangeInstanceState,
        Self::CreateTags,
        Self::ExecuteAwsApi,
        Self::ExecuteScript,
        Self::Loop,
        Self::Pause,
        Self::Sleep,
        Self::UpdateVariable,
        Self::WaitForAwsResourceProperty,
    ];

    /// The action's name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ExecuteAwsApi => "aws:executeAwsApi",
            Self::AssertAwsResourceProperty => "aws:assertAwsResourceProperty",
            Self::WaitForAwsResourceProperty => "aws:waitForAwsResourceProperty",
            Self::Branch => "aws:branch",
            Self::Sleep => "aws:sleep",
            Self::CreateTags => "aws:createTags",
            Self::ChangeInstanceState => "aws:changeInstanceState",
            Self::Approve => "aws:approve",
            Self::Pause => "aws:pause",
            Self::ExecuteScript => "aws:executeScript",
            Self::Loop => "aws:loop",
            Self::UpdateVariable => "aws:updateVariable",
        }
    }

    /// The action with this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == name)
    }

    /// Inputs that must be there.
    pub(crate) fn required(self) -> &'static [&'static str] {
        match self {
            Self::ExecuteAwsApi => &["Service", "Api"],
            Self::AssertAwsResourceProperty | Self::WaitForAwsResourceProperty => {
                &["Service", "Api", "PropertySelector", "DesiredValues"]
            }
            Self::Branch => &["Choices"],
            Self::Sleep | Self::Pause => &[],
            Self::CreateTags => &["ResourceIds", "Tags"],
            Self::ChangeInstanceState => &["InstanceIds", "DesiredState"],
            Self::Approve => &["Approvers"],
            Self::ExecuteScript => &["Runtime"],
            Self::Loop => &["Steps"],
            Self::UpdateVariable => &["Name", "Value"],
        }
    }

    /// Further inputs that may be there; `None` when any may (the API's own parameters).
    pub(crate) fn optional(self) -> Option<&'static [&'static str]> {
        Some(match self {
            Self::ExecuteAwsApi
            | Self::AssertAwsResourceProperty
            | Self::WaitForAwsResourceProperty => return None,
            Self::Branch => &["Default"],
            Self::Sleep => &["Duration", "Timestamp"],
            Self::Pause => &["Message"],
            Self::CreateTags => &["ResourceType"],
            Self::ChangeInstanceState => &["CheckStateOnly", "Force", "AdditionalInfo"],
            Self::Approve => &["NotificationArn", "Message", "MinRequiredApprovals"],
            Self::ExecuteScript => &["Handler", "InputPayload", "Script", "Attachment"],
            Self::Loop => &[
                "Iterators",
                "IteratorDataType",
                "LoopCondition",
                "MaxIterations",
            ],
            Self::UpdateVariable => &[],
        })
    }

    /// Outputs that exist without being declared.
    pub(crate) fn fixed_outputs(self) -> &'static [&'static str] {
        match self {
            Self::Approve => &["ApprovalStatus", "ApproverDecisions"],
            Self::ExecuteScript => &["Payload"],
            Self::Loop => &["CurrentIteratorValue", "CurrentIteration"],
            _ => &[],
        }
    }

    /// Whether the clean-up after a cancellation may begin with this action.
    pub(crate) fn allowed_on_cancel(self) -> bool {
        !matches!(
            self,
            Self::Approve | Self::CreateTags | Self::Pause | Self::Sleep
        )
    }
}
