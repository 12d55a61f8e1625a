//! What a caller may choose about a call beside its parameters: which endpoint is wanted and how bodies are sent.
//!
//! The names and defaults are those of boto3's `Config` and of the shared config file. Nothing here reads a file or
//! the environment: whoever does fills a [`CallOptions`] and passes it with each call.

use std::collections::BTreeMap;

/// Choices that hold for a call; [`CallOptions::default`] is what boto3 does when nothing is configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallOptions {
    /// Ask for a FIPS endpoint (`use_fips_endpoint`, `AWS_USE_FIPS_ENDPOINT`). Not looked at when the call names
    /// its endpoint, as in boto3.
    pub use_fips: bool,
    /// Ask for a dual-stack (IPv4 and IPv6) endpoint (`use_dualstack_endpoint`, `AWS_USE_DUALSTACK_ENDPOINT`).
    /// Not looked at when the call names its endpoint, as in boto3.
    pub use_dual_stack: bool,
    /// Account of the credentials in use, 12 digits, for services with endpoints per account (`DynamoDB`).
    pub account_id: Option<String>,
    /// Whether [`CallOptions::account_id`] may or must be in the endpoint (`account_id_endpoint_mode`).
    pub account_id_endpoint_mode: AccountIdEndpointMode,
    /// Which endpoint of STS the regions use that are older than regional endpoints (`sts_regional_endpoints`).
    pub sts_endpoints: RegionalEndpoints,
    /// S3 and S3 Control.
    pub s3: S3Options,
    /// Values for parameters of a service's endpoint rules that are neither in the call nor above
    /// (`client_context_params`), by the name the rule set gives them. Names that it does not know are not looked at.
    pub endpoint_parameters: BTreeMap<String, EndpointParameter>,
    /// Never compress a request body (`disable_request_compression`).
    pub disable_request_compression: bool,
    /// Least length in bytes of a body that is compressed (`request_min_compression_size_bytes`).
    pub request_min_compression_size: u32,
    /// When a request body gets a checksum (`request_checksum_calculation`).
    pub request_checksums: Checksums,
    /// When the checksum of an answer is verified (`response_checksum_validation`).
    pub response_checksums: Checksums,
}

/// Use of the account id in endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AccountIdEndpointMode {
    /// In the endpoint when it is known.
    #[default]
    Preferred,
    /// Never in the endpoint.
    Disabled,
    /// A call without a known account id is refused.
    Required,
}

impl AccountIdEndpointMode {
    /// The word in config files and rule sets.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preferred => "preferred",
            Self::Disabled => "disabled",
            Self::Required => "required",
        }
    }
}

/// Endpoint of a service that once had one for the whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegionalEndpoints {
    /// Each region's own.
    Regional,
    /// The one for the world, where a region is old enough to be served by it.
    Legacy,
}

/// When checksums are written or verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checksums {
    /// Wherever the operation has a place for one.
    #[default]
    WhenSupported,
    /// Only where the operation demands one.
    WhenRequired,
}

/// How a bucket is named in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AddressingStyle {
    /// In the host where the name permits; in the path at a named endpoint.
    #[default]
    Auto,
    /// Always in the path.
    Path,
    /// In the host, also at a named endpoint.
    Virtual,
}

/// Choices for S3 and S3 Control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Options {
    /// Bucket in the host or in the path (`s3.addressing_style`).
    pub addressing_style: AddressingStyle,
    /// Use the transfer acceleration endpoint (`s3.use_accelerate_endpoint`).
    pub use_accelerate: bool,
    /// Take the region from an ARN given as bucket (`s3.use_arn_region`). `None`: yes for S3, no for S3 Control,
    /// as in boto3.
    pub use_arn_region: Option<bool>,
    /// Refuse ARNs of multi-region access points (`s3_disable_multiregion_access_points`).
    pub disable_multi_region_access_points: bool,
    /// Endpoint for `us-east-1`: its own, or the one for the world (`us_east_1_regional_endpoint`).
    pub us_east_1_endpoint: RegionalEndpoints,
    /// Sign requests to directory buckets with the caller's keys instead of a session's
    /// (`s3_disable_express_session_auth`).
    pub disable_express_session_auth: Option<bool>,
}

/// Value of a parameter of endpoint rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointParameter {
    /// Text.
    Text(String),
    /// Truth value.
    Flag(bool),
    /// List of text.
    List(Vec<String>),
}

static DEFAULTS: CallOptions = CallOptions::new();

impl CallOptions {
    /// boto3's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            use_fips: false,
            use_dual_stack: false,
            account_id: None,
            account_id_endpoint_mode: AccountIdEndpointMode::Preferred,
            sts_endpoints: RegionalEndpoints::Regional,
            s3: S3Options::new(),
            endpoint_parameters: BTreeMap::new(),
            disable_request_compression: false,
            request_min_compression_size: 10_240,
            request_checksums: Checksums::WhenSupported,
            response_checksums: Checksums::WhenSupported,
        }
    }

    /// boto3's defaults, for callers that have nothing configured.
    #[must_use]
    pub fn defaults() -> &'static Self {
        &DEFAULTS
    }
}

impl Default for CallOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl S3Options {
    /// boto3's defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            addressing_style: AddressingStyle::Auto,
            use_accelerate: false,
            use_arn_region: None,
            disable_multi_region_access_points: false,
            us_east_1_endpoint: RegionalEndpoints::Legacy,
            disable_express_session_auth: None,
        }
    }
}

impl Default for S3Options {
    fn default() -> Self {
        Self::new()
    }
}
