//! Tables of which setting wins.

use super::*;

const CONFIG: &str = "\
[default]
region = eu-west-1
[profile full]
region = eu-central-1
endpoint_url = http://profile
services = local
use_fips_endpoint = true
max_attempts = 7
retry_mode = standard
ca_bundle = /etc/roots.pem
account_id_endpoint_mode = required
sts_regional_endpoints = legacy
request_checksum_calculation = when_required
request_min_compression_size_bytes = 0
disable_request_compression = true
s3 =
  addressing_style = path
  use_accelerate_endpoint = true
  use_dualstack_endpoint = true
  use_arn_region = false
  us_east_1_regional_endpoint = regional
  s3_disable_multiregion_access_points = true
[services local]
s3_control =
  endpoint_url = http://section-s3control
eventbridge =
  endpoint_url = http://section-events
[profile gone]
services = nowhere
";

fn variables(pairs: &[(&str, &str)]) -> Variables {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

fn settings(pairs: &[(&str, &str)]) -> Result<Settings, String> {
    let profiles = Profiles::parse("", CONFIG).unwrap();
    Settings::resolve(&variables(pairs), &profiles, None).map_err(|error| error.to_string())
}

#[test]
fn regions_have_their_order() {
    let full = ("AWS_PROFILE", "full");
    for (pairs, region) in [
        (&[][..], "eu-west-1"),
        (&[full], "eu-central-1"),
        (&[full, ("AWS_DEFAULT_REGION", "a")], "a"),
        (
            &[full, ("AWS_DEFAULT_REGION", "a"), ("AWS_REGION", "b")],
            "b",
        ),
    ] {
        assert_eq!(settings(pairs).unwrap().region.as_deref(), Some(region));
    }
}

#[test]
fn endpoints_have_their_order() {
    let full = ("AWS_PROFILE", "full");
    let general = ("AWS_ENDPOINT_URL", "http://env");
    let own = ("AWS_ENDPOINT_URL_S3_CONTROL", "http://env-s3control");
    let ignore = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    for (pairs, service, url) in [
        (&[][..], "s3", None),
        (&[full], "s3", Some("http://profile")),
        (&[full], "s3control", Some("http://section-s3control")),
        (&[full], "S3 Control", Some("http://section-s3control")),
        (&[full], "events", Some("http://section-events")),
        (&[full, general], "s3control", Some("http://env")),
        (
            &[full, general, own],
            "s3control",
            Some("http://env-s3control"),
        ),
        (&[full, general, own], "s3", Some("http://env")),
        (&[full, general, own, ignore], "s3control", None),
    ] {
        assert_eq!(
            settings(pairs).unwrap().endpoint_url(service),
            url,
            "{pairs:?} {service}"
        );
    }
    let explicit = ExplicitEndpoints {
        general: Some("http://quell".to_owned()),
        services: [("events".to_owned(), "http://quell-events".to_owned())].into(),
    };
    let found = settings(&[full, general, own, ignore]).unwrap();
    let found = found.with_endpoints(explicit.clone()).unwrap();
    assert_eq!(found.endpoint_url("events"), Some("http://quell-events"));
    assert_eq!(
        found.endpoint_url("EventBridge"),
        Some("http://quell-events")
    );
    assert_eq!(found.endpoint_url("s3control"), Some("http://quell"));
    let found = settings(&[full, general, own])
        .unwrap()
        .with_endpoints(explicit)
        .unwrap();
    assert_eq!(
        found.endpoint_variables(),
        variables(&[
            ("AWS_ENDPOINT_URL", "http://quell"),
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", "http://quell-events")
        ])
    );
    let (general, services) = found.endpoints_by_client();
    assert_eq!(general.as_deref(), Some("http://quell"));
    assert_eq!(services["events"], "http://quell-events");
    assert_eq!(services["s3control"], "http://quell");
    assert_eq!(
        settings(&[full, own]).unwrap().endpoint_variables(),
        variables(&[
            ("AWS_ENDPOINT_URL", "http://profile"),
            own,
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", "http://section-events"),
        ])
    );
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of cases is best in one place"
)]
fn options_come_from_both_places() {
    let none = settings(&[]).unwrap();
    assert_eq!(none.options, CallOptions::new());
    assert_eq!(
        (none.max_attempts, none.retry_mode, none.ca_bundle),
        (None, None, None)
    );
    let full = settings(&[("AWS_PROFILE", "full")]).unwrap();
    assert_eq!(
        full.options,
        CallOptions {
            use_fips: true,
            account_id_endpoint_mode: AccountIdEndpointMode::Required,
            sts_endpoints: RegionalEndpoints::Legacy,
            disable_request_compression: true,
            request_min_compression_size: 0,
            request_checksums: Checksums::WhenRequired,
            s3: S3Options {
                addressing_style: AddressingStyle::Path,
                use_accelerate: true,
                use_arn_region: Some(false),
                disable_multi_region_access_points: true,
                us_east_1_endpoint: RegionalEndpoints::Regional,
                ..S3Options::new()
            },
            ..CallOptions::new()
        }
    );
    assert!(full.options_for("s3").use_dual_stack && full.options_for("s3control").use_dual_stack);
    assert!(!full.options_for("ec2").use_dual_stack);
    let own: Vec<String> = full.options_by_client().into_keys().collect();
    assert_eq!(own, ["s3", "s3control"]);
    assert!(settings(&[]).unwrap().options_by_client().is_empty());
    assert_eq!(
        (full.max_attempts, full.retry_mode),
        (Some(7), Some(RetryMode::Standard))
    );
    assert_eq!(full.ca_bundle.as_deref(), Some("/etc/roots.pem"));
    let over = settings(&[
        ("AWS_PROFILE", "full"),
        ("AWS_USE_FIPS_ENDPOINT", "False"),
        ("AWS_USE_DUALSTACK_ENDPOINT", "TRUE"),
        ("AWS_MAX_ATTEMPTS", "2"),
        ("AWS_RETRY_MODE", "adaptive"),
        ("AWS_CA_BUNDLE", "/x"),
        ("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled"),
        ("AWS_REQUEST_CHECKSUM_CALCULATION", "WHEN_SUPPORTED"),
        ("AWS_S3_USE_ARN_REGION", "true"),
        ("AWS_S3_US_EAST_1_REGIONAL_ENDPOINT", "legacy"),
    ])
    .unwrap();
    assert!(!over.options.use_fips && over.options.use_dual_stack);
    assert_eq!(
        (over.max_attempts, over.retry_mode),
        (Some(2), Some(RetryMode::Adaptive))
    );
    assert_eq!(
        over.options.account_id_endpoint_mode,
        AccountIdEndpointMode::Disabled
    );
    assert_eq!(over.options.request_checksums, Checksums::WhenSupported);
    assert_eq!(over.options.s3.use_arn_region, Some(true));
    assert_eq!(
        over.options.s3.us_east_1_endpoint,
        RegionalEndpoints::Legacy
    );
}

#[test]
fn values_that_cannot_be_used_are_named() {
    for (name, value, words) in [
        ("AWS_USE_FIPS_ENDPOINT", "yes", "true or false"),
        ("AWS_MAX_ATTEMPTS", "0", "from 1 to 100"),
        ("AWS_MAX_ATTEMPTS", "many", "from 1 to 100"),
        (
            "AWS_REQUEST_MIN_COMPRESSION_SIZE_BYTES",
            "10485761",
            "from 0 to 10485760",
        ),
        ("AWS_RETRY_MODE", "never", "legacy, standard or adaptive"),
        ("AWS_ENDPOINT_URL", "nowhere", "an address"),
        ("AWS_ENDPOINT_URL_S3", "ftp://x", "an address"),
        ("AWS_STS_REGIONAL_ENDPOINTS", "global", "regional or legacy"),
    ] {
        let fault = settings(&[(name, value)]).unwrap_err();
        assert!(
            fault.starts_with(name) && fault.contains(value) && fault.contains(words),
            "{fault}"
        );
    }
    assert!(
        settings(&[("AWS_PROFILE", "gone")])
            .unwrap_err()
            .contains("[services nowhere]")
    );
    assert!(
        settings(&[("AWS_PROFILE", "absent")])
            .unwrap_err()
            .contains("`absent`")
    );
    let explicit = ExplicitEndpoints {
        services: [("s3".to_owned(), "x".to_owned())].into(),
        ..ExplicitEndpoints::default()
    };
    let fault = Settings::default().with_endpoints(explicit).unwrap_err();
    assert!(
        fault.to_string().starts_with("endpoint_urls.s3 is `x`"),
        "{fault}"
    );
}
