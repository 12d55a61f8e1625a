//! Limits the calling process to some files and ports by Landlock.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort,
    PathBeneath, PathFd, RestrictionStatus, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::policy::Policy;
use super::root::TMP;

/// What any interpreter reads: libraries, certificates, names of hosts and users.
pub(super) const SYSTEM: [&str; 28] = [
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    // Not the folders above these: the machine's private keys lie there.
    "/etc/ssl/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/openssl.cnf",
    "/etc/crypto-policies",
    "/etc/ca-certificates",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/group",
];

/// Devices without memory; `null` may be written to as well.
pub(super) const DEVICES: [&str; 4] = ["/dev/null", "/dev/urandom", "/dev/random", "/dev/zero"];

/// Limits this process and all that it starts. Answers the version of Landlock's interface that this kernel and this
/// program know, 0 for none.
///
/// # Errors
/// When the kernel has Landlock but refuses the rules.
pub(super) fn files_and_ports(policy: &Policy) -> Result<u8, String> {
    let status = restrict(policy).map_err(|error| format!("cannot limit file access: {error}"))?;
    match (status.ruleset, status.landlock) {
        (RulesetStatus::NotEnforced, _) => Ok(0),
        (_, LandlockStatus::Available { effective_abi, .. }) => Ok(effective_abi as u8),
        (_, LandlockStatus::NotEnabled | LandlockStatus::NotImplemented) => Ok(0),
    }
}

fn restrict(policy: &Policy) -> Result<RestrictionStatus, RulesetError> {
    let abi = ABI::V6;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()?;
    let read = AccessFs::from_read(abi);
    let system = SYSTEM.iter().chain(&DEVICES).map(Path::new);
    for path in system.chain(policy.readable.iter().map(AsRef::as_ref)) {
        rules = allow(rules, path, read)?;
    }
    let private = if policy.walls.root {
        Path::new(TMP)
    } else {
        &policy.workdir
    };
    rules = allow(rules, private, AccessFs::from_all(abi))?;
    rules = allow(
        rules,
        Path::new("/dev/null"),
        AccessFs::ReadFile | AccessFs::WriteFile,
    )?;
    for port in &policy.ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    rules.restrict_self()
}

/// Allows a path; one that does not exist on this system needs no permission.
fn allow(
    rules: RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(file) => {
            let access = if path.is_dir() {
                access
            } else {
                access & AccessFs::from_file(ABI::V6)
            };
            rules.add_rule(PathBeneath::new(file, access))
        }
        Err(_) => Ok(rules),
    }
}
