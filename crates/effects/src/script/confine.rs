//! Limits the calling process to some files and ports by Landlock.

use std::path::Path;

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath,
    PathFd, Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope,
};

use super::policy::Policy;

/// What any interpreter reads: libraries, certificates, name resolution, devices without memory.
const SYSTEM: [&str; 26] = [
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/etc/ssl",
    "/etc/pki",
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
    "/dev/urandom",
    "/dev/random",
    "/dev/zero",
    "/run/systemd/resolve",
];

/// Limits this process and all that it starts. `false`: this kernel has no Landlock.
///
/// # Errors
/// When the kernel has Landlock but refuses the rules.
pub(crate) fn files_and_ports(policy: &Policy) -> Result<bool, String> {
    restrict(policy).map_err(|error| format!("cannot limit file access: {error}"))
}

fn restrict(policy: &Policy) -> Result<bool, RulesetError> {
    let abi = ABI::V6;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp)?
        .scope(Scope::AbstractUnixSocket | Scope::Signal)?
        .create()?;
    let read = AccessFs::from_read(abi);
    for path in SYSTEM
        .iter()
        .map(Path::new)
        .chain(policy.readable.iter().map(AsRef::as_ref))
    {
        rules = allow(rules, path, read)?;
    }
    rules = allow(rules, &policy.workdir, AccessFs::from_all(abi))?;
    rules = allow(
        rules,
        Path::new("/dev/null"),
        AccessFs::ReadFile | AccessFs::WriteFile,
    )?;
    for port in &policy.ports {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    Ok(rules.restrict_self()?.ruleset != RulesetStatus::NotEnforced)
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
