//! How scripts of runbooks are run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// Most processes that wait for scripts: each holds about 70 MB.
const MOST_WARM: usize = 64;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scripts {
    pub(crate) python: PathBuf,
    pub(crate) interpreters: BTreeMap<String, PathBuf>,
    pub(crate) pwsh: PathBuf,
    pub(crate) memory_mib: u64,
    pub(crate) sandbox: Sandbox,
    pub(crate) warm: usize,
    pub(crate) allow_hosts: Vec<String>,
    pub(crate) private_endpoints: bool,
}

/// What a wall that the system does not permit means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Sandbox {
    Standard,
    Strict,
}

impl Scripts {
    /// Checks what types cannot say.
    pub(crate) fn check(&self) -> Result<()> {
        if self.warm > MOST_WARM {
            bail!(
                "scripts.warm is {}: at most {MOST_WARM} processes wait, each with about 70 MB",
                self.warm
            );
        }
        for (runtime, path) in &self.interpreters {
            if !runtime.starts_with("python") {
                bail!(
                    "scripts.interpreters: `{runtime}` is no Python runtime: name it as documents do, e.g. `python3.9`"
                );
            }
            if !path.is_absolute() {
                bail!(
                    "scripts.interpreters.\"{runtime}\" `{}` must be an absolute path",
                    path.display()
                );
            }
        }
        for host in &self.allow_hosts {
            if host_and_port(host).is_none() {
                bail!(
                    "scripts.allow_hosts: `{host}` is no host and port: write e.g. `api.example.com:443`"
                );
            }
        }
        Ok(())
    }

    /// The hosts with their ports.
    pub(crate) fn hosts(&self) -> Vec<(String, u16)> {
        self.allow_hosts
            .iter()
            .filter_map(|text| host_and_port(text))
            .collect()
    }
}

/// `api.example.com:443`, `10.0.0.7:8443` or `[::1]:80`; the host in lower case and without brackets.
fn host_and_port(text: &str) -> Option<(String, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port > 0)?;
    let bare = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let fits = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            !host.is_empty() && host.bytes().all(plain)
        }
    };
    fits.then(|| (bare.unwrap_or(host).to_ascii_lowercase(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses_with_a_port() {
        for (text, want) in [
            ("API.example.com:443", Some(("api.example.com", 443))),
            ("10.0.0.7:8443", Some(("10.0.0.7", 8443))),
            ("[::1]:80", Some(("::1", 80))),
            ("example.com", None),
            ("::1:80", None),
            (":80", None),
            ("example.com:0", None),
            ("example.com:99999", None),
            ("https://example.com:443", None),
            ("user@example.com:443", None),
        ] {
            let want = want.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(host_and_port(text), want, "{text}");
        }
    }
}
