//! The actions: which ones run here, which ones only SSM has, and what inputs each takes.
//!
//! Source of the tables: the Systems Manager user guide's action reference.

/// An action of Automation documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// `aws:approve`.
    Approve,
    /// `aws:assertAwsResourceProperty`.
    AssertAwsResourceProperty,
    /// `aws:branch`.
    Branch,
    /// `aws:changeInstanceState`.
    ChangeInstanceState,
    /// `aws:copyImage`.
    CopyImage,
    /// `aws:createImage`.
    CreateImage,
    /// `aws:createStack`.
    CreateStack,
    /// `aws:createTags`.
    CreateTags,
    /// `aws:deleteImage`.
    DeleteImage,
    /// `aws:deleteStack`.
    DeleteStack,
    /// `aws:executeAutomation`.
    ExecuteAutomation,
    /// `aws:executeAwsApi`.
    ExecuteAwsApi,
    /// `aws:executeScript`.
    ExecuteScript,
    /// `aws:executeStateMachine`.
    ExecuteStateMachine,
    /// `aws:invokeLambdaFunction`.
    InvokeLambdaFunction,
    /// `aws:invokeWebhook`.
    InvokeWebhook,
    /// `aws:loop`.
    Loop,
    /// `aws:pause`.
    Pause,
    /// `aws:runCommand`.
    RunCommand,
    /// `aws:runInstances`.
    RunInstances,
    /// `aws:sleep`.
    Sleep,
    /// `aws:updateVariable`.
    UpdateVariable,
    /// `aws:waitForAwsResourceProperty`.
    WaitForAwsResourceProperty,
}

/// `aws:runCommand`, besides `DocumentName`: those of SendCommand.
const RUN_COMMAND: &[&str] = &[
    "InstanceIds",
    "Targets",
    "Parameters",
    "DocumentVersion",
    "CloudWatchOutputConfig",
    "Comment",
    "DocumentHash",
    "DocumentHashType",
    "NotificationConfig",
    "OutputS3BucketName",
    "OutputS3KeyPrefix",
    "OutputS3Region",
    "ServiceRoleArn",
    "TimeoutSeconds",
    "MaxConcurrency",
    "MaxErrors",
];

/// `aws:runInstances`, besides `ImageId`: those of RunInstances, two of them under names of their own.
const RUN_INSTANCES: &[&str] = &[
    "InstanceType",
    "MinInstanceCount",
    "MaxInstanceCount",
    "AdditionalInfo",
    "BlockDeviceMappings",
    "ClientToken",
    "DisableApiTermination",
    "EbsOptimized",
    "IamInstanceProfileArn",
    "IamInstanceProfileName",
    "InstanceInitiatedShutdownBehavior",
    "KernelId",
    "KeyName",
    "MetadataOptions",
    "Monitoring",
    "NetworkInterfaces",
    "Placement",
    "PrivateIpAddress",
    "RamdiskId",
    "SecurityGroupIds",
    "SecurityGroups",
    "SubnetId",
    "TagSpecifications",
    "UserData",
];

/// `aws:createStack`, besides `StackName`: those of CreateStack.
const CREATE_STACK: &[&str] = &[
    "TemplateBody",
    "TemplateURL",
    "Parameters",
    "Capabilities",
    "ClientRequestToken",
    "DisableRollback",
    "NotificationARNs",
    "OnFailure",
    "ResourceTypes",
    "RoleARN",
    "StackPolicyBody",
    "StackPolicyURL",
    "Tags",
    "TimeoutInMinutes",
];

/// `aws:executeAutomation`, besides `DocumentName`.
const EXECUTE_AUTOMATION: &[&str] = &[
    "DocumentVersion",
    "RuntimeParameters",
    "Targets",
    "TargetParameterName",
    "TargetMaps",
    "MaxConcurrency",
    "MaxErrors",
    "TargetLocations",
    "Tags",
];

impl Action {
    /// All actions, in alphabetical order of their names.
    pub const ALL: [Self; 23] = [
        Self::Approve,
        Self::AssertAwsResourceProperty,
        Self::Branch,
        Self::ChangeInstanceState,
        Self::CopyImage,
        Self::CreateImage,
        Self::CreateStack,
        Self::CreateTags,
        Self::DeleteImage,
        Self::DeleteStack,
        Self::ExecuteAutomation,
        Self::ExecuteAwsApi,
        Self::ExecuteScript,
        Self::ExecuteStateMachine,
        Self::InvokeLambdaFunction,
        Self::InvokeWebhook,
        Self::Loop,
        Self::Pause,
        Self::RunCommand,
        Self::RunInstances,
        Self::Sleep,
        Self::UpdateVariable,
        Self::WaitForAwsResourceProperty,
    ];

    /// The action's name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "aws:approve",
            Self::AssertAwsResourceProperty => "aws:assertAwsResourceProperty",
            Self::Branch => "aws:branch",
            Self::ChangeInstanceState => "aws:changeInstanceState",
            Self::CopyImage => "aws:copyImage",
            Self::CreateImage => "aws:createImage",
            Self::CreateStack => "aws:createStack",
            Self::CreateTags => "aws:createTags",
            Self::DeleteImage => "aws:deleteImage",
            Self::DeleteStack => "aws:deleteStack",
            Self::ExecuteAutomation => "aws:executeAutomation",
            Self::ExecuteAwsApi => "aws:executeAwsApi",
            Self::ExecuteScript => "aws:executeScript",
            Self::ExecuteStateMachine => "aws:executeStateMachine",
            Self::InvokeLambdaFunction => "aws:invokeLambdaFunction",
            Self::InvokeWebhook => "aws:invokeWebhook",
            Self::Loop => "aws:loop",
            Self::Pause => "aws:pause",
            Self::RunCommand => "aws:runCommand",
            Self::RunInstances => "aws:runInstances",
            Self::Sleep => "aws:sleep",
            Self::UpdateVariable => "aws:updateVariable",
            Self::WaitForAwsResourceProperty => "aws:waitForAwsResourceProperty",
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
            Self::RunCommand | Self::ExecuteAutomation => &["DocumentName"],
            Self::RunInstances | Self::DeleteImage => &["ImageId"],
            Self::CreateImage => &["InstanceId", "ImageName"],
            Self::CopyImage => &["SourceRegion", "SourceImageId", "ImageName"],
            Self::CreateStack | Self::DeleteStack => &["StackName"],
            Self::InvokeLambdaFunction => &["FunctionName"],
            Self::ExecuteStateMachine => &["stateMachineArn"],
            Self::InvokeWebhook => &["IntegrationName"],
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
            Self::UpdateVariable | Self::DeleteImage => &[],
            Self::RunCommand => RUN_COMMAND,
            Self::ExecuteAutomation => EXECUTE_AUTOMATION,
            Self::RunInstances => RUN_INSTANCES,
            Self::CreateImage => &["ImageDescription", "NoReboot", "BlockDeviceMappings"],
            Self::CopyImage => &["ImageDescription", "Encrypted", "KmsKeyId", "ClientToken"],
            Self::CreateStack => CREATE_STACK,
            Self::DeleteStack => &["ClientRequestToken", "RetainResources", "RoleARN"],
            Self::InvokeLambdaFunction => &[
                "Qualifier",
                "InvocationType",
                "LogType",
                "ClientContext",
                "InputPayload",
                "Payload",
            ],
            Self::ExecuteStateMachine => &["name", "input"],
            Self::InvokeWebhook => &["Body"],
        })
    }

    /// Whether the document names the operation that the step calls.
    pub(crate) fn calls_what_it_is_told(self) -> bool {
        matches!(
            self,
            Self::ExecuteAwsApi
                | Self::AssertAwsResourceProperty
                | Self::WaitForAwsResourceProperty
        )
    }

    /// Outputs that exist without being declared.
    pub(crate) fn fixed_outputs(self) -> &'static [&'static str] {
        match self {
            Self::Approve => &["ApprovalStatus", "ApproverDecisions"],
            Self::ExecuteScript => &["Payload"],
            Self::Loop => &["CurrentIteratorValue", "CurrentIteration"],
            Self::RunCommand => &["CommandId", "Status", "ResponseCode", "Output"],
            Self::ExecuteAutomation => &["Output", "ExecutionId", "Status"],
            Self::RunInstances => &["InstanceIds", "InstanceStates"],
            Self::CreateImage | Self::CopyImage => &["ImageId", "ImageState"],
            Self::CreateStack => &["StackId", "StackStatus", "StackStatusReason"],
            Self::InvokeLambdaFunction => &["StatusCode", "FunctionError", "LogResult", "Payload"],
            Self::ExecuteStateMachine => &[
                "executionArn",
                "input",
                "name",
                "output",
                "startDate",
                "stateMachineArn",
                "status",
                "stopDate",
            ],
            Self::InvokeWebhook => &["Response", "ResponseCode"],
            _ => &[],
        }
    }

    /// Whether outputs that nobody can list beforehand exist as well: a stack's own.
    pub(crate) fn has_further_outputs(self) -> bool {
        self == Self::CreateStack
    }

    /// Whether the clean-up after a cancellation may begin with this action.
    pub(crate) fn allowed_on_cancel(self) -> bool {
        !matches!(
            self,
            Self::Approve
                | Self::CopyImage
                | Self::CreateImage
                | Self::CreateStack
                | Self::CreateTags
                | Self::Pause
                | Self::RunInstances
                | Self::Sleep
        )
    }
}
