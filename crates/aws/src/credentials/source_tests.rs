//! Tables of which source is taken.

use super::*;

const CREDENTIALS: &str = "\
[default]
aws_access_key_id = AKIA1
aws_secret_access_key = s3cret/with=equals # comment

; another
[self]
aws_access_key_id=AKIA2
aws_secret_access_key=x
[half]
aws_access_key_id=AKIA3
[both]
aws_access_key_id=AKIACRED
aws_secret_access_key=x
";
const CONFIG: &str = "\
[default]
region = eu-west-1
s3 =
    addressing_style = path
[profile ops]
role_arn = arn:aws:iam::1:role/ops
source_profile = default
external_id = e
duration_seconds = 900
[profile web]
role_arn = arn:aws:iam::1:role/web
web_identity_token_file = token
[profile over-web]
role_arn = arn:aws:iam::1:role/over
source_profile = web
[profile tokenless]
web_identity_token_file = token
[profile self]
role_arn = arn:aws:iam::1:role/self
source_profile = self
[profile chain1]
role_arn = arn:aws:iam::1:role/one
source_profile = chain2
[profile chain2]
role_arn = arn:aws:iam::1:role/two
source_profile = self
[profile a]
role_arn = r
source_profile = b
[profile b]
role_arn = r
source_profile = a
[profile alone]
role_arn = r
source_profile = alone
[profile box]
role_arn = r
credential_source = Ec2InstanceMetadata
[profile task]
role_arn = r
credential_source = EcsContainer
[profile env]
role_arn = r
credential_source = Environment
[profile odd]
role_arn = r
credential_source = Moon
[profile two]
role_arn = r
credential_source = Environment
source_profile = self
[profile nowhere]
role_arn = r
[profile lost]
role_arn = r
source_profile = absent
[profile mfa]
role_arn = r
source_profile = self
mfa_serial = arn:aws:iam::1:mfa/me
[profile long]
role_arn = r
source_profile = self
duration_seconds = an hour
[profile empty]
region = x
[profile over-empty]
role_arn = r
source_profile = empty
[profile proc]
credential_process = /bin/x --y
[profile both]
credential_process = /bin/x
[profile proc-and-keys]
credential_process = /bin/x
aws_access_key_id = AKIACONF
aws_secret_access_key = x
[profile conf]
aws_access_key_id = AKIACONF
aws_secret_access_key = x
aws_session_token = t
[profile login]
login_session = arn:aws:iam::1:user/me
[profile sso]
sso_session = corp
sso_account_id = 123456789012
sso_role_name = ops
[profile sso-legacy]
sso_start_url = https://x.awsapps.com/start
sso_region = eu-west-1
sso_account_id = 123456789012
sso_role_name = ops
[profile sso-half]
sso_account_id = 123456789012
sso_start_url = https://x.awsapps.com/start
sso_region = eu-west-1
[profile sso-gone]
sso_session = gone
sso_role_name = ops
[profile sso-other]
sso_session = corp
sso_region = us-east-1
sso_account_id = 123456789012
sso_role_name = ops
[profile over-sso]
role_arn = arn:aws:iam::1:role/ops
source_profile = sso
[sso-session corp]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-central-1
sso_registration_scopes = sso:account:access
";

/// The source in short, or the error.
fn chosen(variables: &[(&str, &str)], explicit: Option<&str>) -> String {
    let profiles = Profiles::parse(CREDENTIALS, CONFIG).unwrap();
    let variable = |name: &str| {
        let found = variables.iter().find(|(have, _)| *have == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let lookup = Lookup {
        variable: &variable,
        profiles: &profiles,
        explicit_profile: explicit,
    };
    match choose(&lookup) {
        Ok(source) => short(&source),
        Err(error) => error.to_string(),
    }
}

fn short(source: &Source) -> String {
    match source {
        Source::Static(keys) => keys.access_key_id.clone(),
        Source::AssumeRole { role, from } => format!("{} < {}", role.role_arn, short(from)),
        Source::WebIdentity { role, token_file } => format!("{} < web {token_file}", role.role_arn),
        Source::Sso(role) => format!("sso {:?} {} {}", role.session, role.start_url, role.region),
        Source::Process { command, .. } => format!("process {command}"),
        other => format!("{other:?}"),
    }
}

#[test]
#[expect(
    clippy::too_many_lines,
    reason = "a table of cases is best in one place"
)]
fn each_profile_leads_to_its_source() {
    for (profile, expected) in [
        ("default", "AKIA1"),
        ("ops", "arn:aws:iam::1:role/ops < AKIA1"),
        ("web", "arn:aws:iam::1:role/web < web token"),
        (
            "over-web",
            "arn:aws:iam::1:role/over < arn:aws:iam::1:role/web < web token",
        ),
        (
            "tokenless",
            "profile `tokenless`: a web identity token file is configured without a role: set `role_arn` or AWS_ROLE_ARN",
        ),
        ("self", "arn:aws:iam::1:role/self < AKIA2"),
        // A source profile's own keys win over its role.
        (
            "chain1",
            "arn:aws:iam::1:role/one < arn:aws:iam::1:role/two < AKIA2",
        ),
        (
            "a",
            "profile `b`: the chain of `source_profile` is a circle or longer than 8; shorten it",
        ),
        (
            "alone",
            "profile `alone`: the chain of `source_profile` is a circle or longer than 8; shorten it",
        ),
        ("box", "r < InstanceMetadata"),
        (
            "task",
            "profile `task`: `credential_source` is EcsContainer, but AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set",
        ),
        (
            "env",
            "profile `env`: `credential_source` is Environment, but AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set",
        ),
        (
            "odd",
            "profile `odd`: `credential_source` is `Moon`, not Environment, Ec2InstanceMetadata or EcsContainer",
        ),
        (
            "two",
            "profile `two`: `source_profile` and `credential_source` are both set; keep one",
        ),
        (
            "nowhere",
            "profile `nowhere`: `role_arn` needs `source_profile`, `credential_source` or `web_identity_token_file`",
        ),
        (
            "lost",
            "profile `lost`: its `source_profile` is `absent`, which is in neither file",
        ),
        (
            "long",
            "profile `long`: `duration_seconds` is `an hour`, not a whole number",
        ),
        (
            "half",
            "profile `half`: `aws_access_key_id` is set without `aws_secret_access_key`",
        ),
        ("proc", "process /bin/x --y"),
        ("both", "AKIACRED"),
        ("proc-and-keys", "process /bin/x"),
        ("conf", "AKIACONF"),
        (
            "login",
            "Login { profile: \"login\", session: \"arn:aws:iam::1:user/me\" }",
        ),
        (
            "sso",
            "sso Some(\"corp\") https://corp.awsapps.com/start eu-central-1",
        ),
        (
            "sso-legacy",
            "sso None https://x.awsapps.com/start eu-west-1",
        ),
        (
            "sso-half",
            "profile `sso-half`: IAM Identity Center needs `sso_role_name`",
        ),
        (
            "sso-gone",
            "profile `sso-gone`: `sso_session` is `gone`, but there is no section `[sso-session gone]`",
        ),
        (
            "sso-other",
            "profile `sso-other`: `sso_region` is another in the profile than in `[sso-session corp]`; keep one",
        ),
        (
            "over-sso",
            "arn:aws:iam::1:role/ops < sso Some(\"corp\") https://corp.awsapps.com/start eu-central-1",
        ),
        ("empty", "LastResort"),
        (
            "over-empty",
            "profile `empty`: as a `source_profile` it needs credentials: set `aws_access_key_id` and `aws_secret_access_key`, or another source",
        ),
        (
            "nobody",
            "profile `nobody` is in neither the credentials nor the config file",
        ),
    ] {
        assert_eq!(
            chosen(&[("AWS_PROFILE", profile)], None),
            expected,
            "{profile}"
        );
        assert_eq!(chosen(&[], Some(profile)), expected, "{profile}, named");
    }
    assert!(chosen(&[("AWS_PROFILE", "mfa")], None).contains("nobody to ask for a code"));
}

#[test]
fn the_environment_and_a_named_profile_have_their_ranks() {
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIAENV"),
        ("AWS_SECRET_ACCESS_KEY", "s"),
    ];
    let web = [
        ("AWS_ROLE_ARN", "arn"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "f"),
    ];
    let task = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x");
    for (variables, explicit, expected) in [
        (&[][..], None, "AKIA1"),
        (&keys[..], None, "AKIAENV"),
        (&[keys[0], keys[1], ("AWS_PROFILE", "ops")], None, "AKIAENV"),
        (&keys, Some("ops"), "arn:aws:iam::1:role/ops < AKIA1"),
        (
            &keys[..1],
            None,
            "the environment: AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY; set both or none",
        ),
        (
            &[keys[0], keys[1], ("AWS_PROFILE", "env")],
            Some("env"),
            "r < AKIAENV",
        ),
        // Web identity of the environment comes before a profile's keys, not before its role.
        (&web, None, "arn < web f"),
        (&web, Some("default"), "AKIA1"),
        (
            &[web[0], web[1], ("AWS_PROFILE", "ops")],
            None,
            "arn:aws:iam::1:role/ops < AKIA1",
        ),
        (
            &[
                ("AWS_WEB_IDENTITY_TOKEN_FILE", "mine"),
                ("AWS_PROFILE", "web"),
            ],
            None,
            "arn:aws:iam::1:role/web < web mine",
        ),
        (&[task], None, "AKIA1"),
        (&[task, ("AWS_PROFILE", "empty")], None, "Container"),
        (&[task, ("AWS_PROFILE", "task")], None, "r < Container"),
        (
            &[("AWS_PROFILE", "ops"), ("AWS_DEFAULT_PROFILE", "conf")],
            None,
            "AKIACONF",
        ),
    ] {
        assert_eq!(
            chosen(variables, explicit),
            expected,
            "{variables:?} {explicit:?}"
        );
    }
}

#[test]
fn no_source_shows_a_secret() {
    let profiles = Profiles::parse(CREDENTIALS, CONFIG).unwrap();
    let lookup = Lookup {
        variable: &|_| None,
        profiles: &profiles,
        explicit_profile: None,
    };
    assert!(!format!("{:?}", choose(&lookup).unwrap()).contains("s3cret"));
}
