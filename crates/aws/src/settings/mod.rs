//! What the environment and the shared files say about calls: region, endpoints, options, attempts. Pure: it gets
//! variables and files' texts.
//!
//! An explicit choice comes first, then the environment, then the profile, as in boto3. Source: SDK reference guide,
//! "Settings reference"; the names and defaults are botocore's.

mod places;

use std::collections::BTreeMap;

use crate::credentials::profile::{ProfileError, Profiles};
use crate::credentials::source::profile_name;
use crate::endpoint::split_url;
use crate::model::catalog;
use crate::options::{
    AccountIdEndpointMode, AddressingStyle, CallOptions, Checksums, RegionalEndpoints, S3Options,
};
use places::{Places, choose};

/// Variables by name.
pub type Variables = BTreeMap<String, String>;

/// Most attempts that may be configured.
const MAX_ATTEMPTS: u32 = 100;
/// Largest body that may be sent uncompressed, in bytes; botocore's limit.
const MAX_COMPRESSION_SIZE: u32 = 10_485_760;

/// Why a setting cannot be used.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum SettingError {
    /// A value that is none of those allowed.
    #[error("{place} is `{value}`; it must be {wanted}")]
    Value {
        /// Variable, or setting and profile.
        place: String,
        /// As found.
        value: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// The profile names a section that is not there.
    #[error(
        "profile `{profile}` has `services = {section}`, but there is no section `[services {section}]` in the config file"
    )]
    Services {
        /// Profile.
        profile: String,
        /// Missing section.
        section: String,
    },
    /// The profile does not exist, or the files cannot be read.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// In which mode a call is tried. The client knows one, [`RetryMode::Standard`], and takes the others for it: a
/// configuration that names them for another tool stays usable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryMode {
    /// boto3's oldest.
    Legacy,
    /// With a token bucket.
    Standard,
    /// With a token bucket and a rate limit.
    Adaptive,
}

/// Endpoints that the operator's own configuration names; they come before everything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExplicitEndpoints {
    /// For every service that has none of its own below.
    pub general: Option<String>,
    /// By client name or service id.
    pub services: BTreeMap<String, String>,
}

/// The settings of one process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Region, if any is named.
    pub region: Option<String>,
    /// Endpoint and body choices.
    pub options: CallOptions,
    /// Attempts of a call, the first included.
    pub max_attempts: Option<u32>,
    /// Mode of repeating.
    pub retry_mode: Option<RetryMode>,
    /// PEM file of trusted roots.
    pub ca_bundle: Option<String>,
    s3_dual_stack: bool,
    endpoints: Endpoints,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Endpoints {
    explicit: ExplicitEndpoints,
    /// By the environment's key of the service: `S3_CONTROL`.
    variables: BTreeMap<String, String>,
    variable: Option<String>,
    /// By the file's key of the service: `s3_control`.
    sections: BTreeMap<String, String>,
    profile: Option<String>,
}

impl Settings {
    /// Reads the settings. `profile` is the one that the operator named, if any.
    ///
    /// # Errors
    /// [`SettingError`] names the variable or setting that cannot be used, and what it must be.
    pub fn resolve(
        variables: &Variables,
        profiles: &Profiles,
        profile: Option<&str>,
    ) -> Result<Self, SettingError> {
        let look = |name: &str| variables.get(name).cloned();
        let (name, chosen) = profile_name(&look, profile);
        if chosen && profiles.get(&name).is_none() {
            return Err(ProfileError::Unknown(name).into());
        }
        let places = Places {
            variables,
            profile: profiles.get(&name),
            name: &name,
        };
        Ok(Self {
            region: places
                .text("AWS_REGION", "")
                .or_else(|| places.text("AWS_DEFAULT_REGION", "region"))
                .map(|found| found.value),
            options: options(&places)?,
            max_attempts: places.number("AWS_MAX_ATTEMPTS", "max_attempts", (1, MAX_ATTEMPTS))?,
            retry_mode: places.word(
                "AWS_RETRY_MODE",
                "retry_mode",
                (
                    &[
                        ("legacy", RetryMode::Legacy),
                        ("standard", RetryMode::Standard),
                        ("adaptive", RetryMode::Adaptive),
                    ],
                    "legacy, standard or adaptive",
                ),
            )?,
            ca_bundle: places
                .text("AWS_CA_BUNDLE", "ca_bundle")
                .map(|found| found.value),
            s3_dual_stack: places
                .nested_flag("use_dualstack_endpoint")?
                .unwrap_or_default(),
            endpoints: endpoints(&places, profiles)?,
        })
    }

    /// The same with endpoints that come before those found.
    ///
    /// # Errors
    /// [`SettingError`] when one is not an address.
    pub fn with_endpoints(mut self, explicit: ExplicitEndpoints) -> Result<Self, SettingError> {
        if let Some(url) = &explicit.general {
            check_url("endpoint_url", url)?;
        }
        for (service, url) in &explicit.services {
            check_url(&format!("endpoint_urls.{service}"), url)?;
            self.endpoints
                .explicit
                .services
                .insert(key(service), url.clone());
        }
        self.endpoints.explicit.general = explicit.general;
        Ok(self)
    }

    /// Where calls of a service go instead of AWS; `service` is its client name or service id.
    #[must_use]
    pub fn endpoint_url(&self, service: &str) -> Option<&str> {
        let key = key(service);
        let all = &self.endpoints;
        [
            all.explicit.services.get(&key),
            all.explicit.general.as_ref(),
            all.variables.get(&key.to_ascii_uppercase()),
            all.variable.as_ref(),
            all.sections.get(&key),
            all.profile.as_ref(),
        ]
        .into_iter()
        .flatten()
        .next()
        .map(String::as_str)
    }

    /// The options of a service's calls: S3 has choices of its own.
    #[must_use]
    pub fn options_for(&self, service: &str) -> CallOptions {
        let mut options = self.options.clone();
        options.use_dual_stack |=
            self.s3_dual_stack && matches!(key(service).as_str(), "s3" | "s3_control");
        options
    }

    /// The options of the services that have choices of their own, by client name.
    #[must_use]
    pub fn options_by_client(&self) -> BTreeMap<String, CallOptions> {
        let own =
            ["s3", "s3control"].map(|service| (service.to_owned(), self.options_for(service)));
        own.into_iter()
            .filter(|(_, options)| *options != self.options)
            .collect()
    }

    /// Where calls go: of all services, and of those that have a place of their own, by client name.
    #[must_use]
    pub fn endpoints_by_client(&self) -> (Option<String>, BTreeMap<String, String>) {
        let services = self.keys().filter_map(|key| {
            let service = catalog().service(&key).ok()?;
            let url = self.endpoint_url(&key)?.to_owned();
            Some((service.name.to_string(), url))
        });
        (self.general().cloned(), services.collect())
    }

    /// Variables that give these endpoints to another program on this machine, such as a script:
    /// `AWS_ENDPOINT_URL` and `AWS_ENDPOINT_URL_<SERVICE>`.
    #[must_use]
    pub fn endpoint_variables(&self) -> Variables {
        let general = self.general();
        let own = self.keys().filter_map(|key| {
            let url = self.endpoint_url(&key)?;
            let name = format!("AWS_ENDPOINT_URL_{}", key.to_ascii_uppercase());
            (general.map(String::as_str) != Some(url)).then(|| (name, url.to_owned()))
        });
        own.chain(general.map(|url| ("AWS_ENDPOINT_URL".to_owned(), url.clone())))
            .collect()
    }

    /// The place of services that have none of their own.
    fn general(&self) -> Option<&String> {
        let all = &self.endpoints;
        let places = [&all.explicit.general, &all.variable, &all.profile];
        places.into_iter().flatten().next()
    }

    /// Keys of the services that may have a place of their own.
    fn keys(&self) -> impl Iterator<Item = String> {
        let all = &self.endpoints;
        let variables = all.variables.keys().map(|key| key.to_ascii_lowercase());
        let files = all.explicit.services.keys().chain(all.sections.keys());
        variables.chain(files.cloned())
    }
}

/// The key of a service in files: its service id in lower case with `_` for blanks and hyphens, `s3_control`.
fn key(service: &str) -> String {
    let id = catalog()
        .service(service)
        .map_or_else(|_| service.to_owned(), |found| found.service_id.to_string());
    id.replace([' ', '-'], "_").to_ascii_lowercase()
}

fn check_url(place: &str, url: &str) -> Result<(), SettingError> {
    if split_url(url).is_some() {
        return Ok(());
    }
    Err(SettingError::Value {
        place: place.to_owned(),
        value: url.to_owned(),
        wanted: "an address such as `http://127.0.0.1:5000`, without a query",
    })
}

fn endpoints(places: &Places<'_>, profiles: &Profiles) -> Result<Endpoints, SettingError> {
    const PREFIX: &str = "AWS_ENDPOINT_URL_";
    let ignored = places
        .flag(
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
            "ignore_configured_endpoint_urls",
        )?
        .unwrap_or_default();
    let mut all = Endpoints::default();
    if ignored {
        return Ok(all);
    }
    for (name, url) in places.variables {
        if let Some(service) = name.strip_prefix(PREFIX).filter(|_| !url.is_empty()) {
            check_url(name, url)?;
            all.variables.insert(service.to_owned(), url.clone());
        }
    }
    all.variable = places.url("AWS_ENDPOINT_URL", "")?;
    all.profile = places.url("", "endpoint_url")?;
    let Some(section) = places.profile.and_then(|profile| profile.get("services")) else {
        return Ok(all);
    };
    let services = profiles
        .services(section)
        .ok_or_else(|| SettingError::Services {
            profile: places.name.to_owned(),
            section: section.to_owned(),
        })?;
    for service in services.names() {
        if let Some(url) = services.nested(service, "endpoint_url") {
            check_url(
                &format!("`endpoint_url` of `{service}` in `[services {section}]`"),
                url,
            )?;
            all.sections.insert(service.to_owned(), url.to_owned());
        }
    }
    Ok(all)
}

const CHECKSUMS: (&[(&str, Checksums)], &str) = (
    &[
        ("when_supported", Checksums::WhenSupported),
        ("when_required", Checksums::WhenRequired),
    ],
    "when_supported or when_required",
);
const REGIONAL: (&[(&str, RegionalEndpoints)], &str) = (
    &[
        ("regional", RegionalEndpoints::Regional),
        ("legacy", RegionalEndpoints::Legacy),
    ],
    "regional or legacy",
);

fn options(places: &Places<'_>) -> Result<CallOptions, SettingError> {
    let defaults = CallOptions::new();
    let modes = (
        &[
            ("preferred", AccountIdEndpointMode::Preferred),
            ("disabled", AccountIdEndpointMode::Disabled),
            ("required", AccountIdEndpointMode::Required),
        ][..],
        "preferred, disabled or required",
    );
    Ok(CallOptions {
        use_fips: places
            .flag("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint")?
            .unwrap_or(defaults.use_fips),
        use_dual_stack: places
            .flag("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint")?
            .unwrap_or(defaults.use_dual_stack),
        account_id_endpoint_mode: places
            .word(
                "AWS_ACCOUNT_ID_ENDPOINT_MODE",
                "account_id_endpoint_mode",
                modes,
            )?
            .unwrap_or_default(),
        sts_endpoints: places
            .word(
                "AWS_STS_REGIONAL_ENDPOINTS",
                "sts_regional_endpoints",
                REGIONAL,
            )?
            .unwrap_or(defaults.sts_endpoints),
        s3: s3_options(places)?,
        disable_request_compression: places
            .flag(
                "AWS_DISABLE_REQUEST_COMPRESSION",
                "disable_request_compression",
            )?
            .unwrap_or_default(),
        request_min_compression_size: places
            .number(
                "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
                "request_min_compression_size_bytes",
                (0, MAX_COMPRESSION_SIZE),
            )?
            .unwrap_or(defaults.request_min_compression_size),
        request_checksums: places
            .word(
                "AWS_REQUEST_CHECKSUM_CALCULATION",
                "request_checksum_calculation",
                CHECKSUMS,
            )?
            .unwrap_or_default(),
        response_checksums: places
            .word(
                "AWS_RESPONSE_CHECKSUM_VALIDATION",
                "response_checksum_validation",
                CHECKSUMS,
            )?
            .unwrap_or_default(),
        ..defaults
    })
}

fn s3_options(places: &Places<'_>) -> Result<S3Options, SettingError> {
    let defaults = S3Options::new();
    let styles = (
        &[
            ("auto", AddressingStyle::Auto),
            ("path", AddressingStyle::Path),
            ("virtual", AddressingStyle::Virtual),
        ][..],
        "auto, path or virtual",
    );
    // The nested settings have the plain ones' names with `s3_` before them as an older spelling.
    let flag = |env: &str, name: &str| match places.flag(env, &format!("s3_{name}"))? {
        Some(found) => Ok(Some(found)),
        None => places.nested_flag(name),
    };
    let endpoint = "us_east_1_regional_endpoint";
    let regional = match places.word(
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",
        "s3_us_east_1_regional_endpoint",
        REGIONAL,
    )? {
        Some(found) => Some(found),
        None => choose(places.nested(endpoint), REGIONAL)?,
    };
    let multi = "s3_disable_multiregion_access_points";
    let disable_multi = match places.flag("AWS_S3_DISABLE_MULTIREGION_ACCESS_POINTS", "")? {
        Some(found) => Some(found),
        None => places.nested_flag(multi)?,
    };
    Ok(S3Options {
        addressing_style: choose(places.nested("addressing_style"), styles)?
            .unwrap_or(defaults.addressing_style),
        use_accelerate: places
            .nested_flag("use_accelerate_endpoint")?
            .unwrap_or(defaults.use_accelerate),
        use_arn_region: flag("AWS_S3_USE_ARN_REGION", "use_arn_region")?,
        disable_multi_region_access_points: disable_multi.unwrap_or_default(),
        us_east_1_endpoint: regional.unwrap_or(defaults.us_east_1_endpoint),
        disable_express_session_auth: places.flag(
            "AWS_S3_DISABLE_EXPRESS_SESSION_AUTH",
            "s3_disable_express_session_auth",
        )?,
    })
}

#[cfg(test)]
mod tests;
