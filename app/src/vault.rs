//! Secrets at rest: finds the keys, proves at every start that they are the right ones and that sealing seals.
//!
//! The proof is a known text, sealed and kept in the store at the first start. If it is there, the keys must open it:
//! a lost or exchanged key file is told at the start, not at the first delivery that needs a secret.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use engine::ResourceChange;
use model::Scope;
use model::resource::Expect;
use model::sealed::Sealed;
use ports::vault::{Place, Secret};
use ports::{EntropySource, Store, Vault};
use serde_json::json;

/// Name of the key file in the data directory.
pub(crate) const FILE: &str = "secrets.keys";
const KIND: &str = "vault-proof";
const NAME: &str = "first-start";
const TEXT: &str = "sealed at the first start of this installation";

/// The vault, and the proof to be stored if there is none yet.
pub(crate) struct Opened {
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) proof: Option<ResourceChange>,
}

/// Opens the vault of a data directory.
pub(crate) async fn open(
    data_dir: &Path,
    store: &dyn Store,
    entropy: Arc<dyn EntropySource>,
) -> Result<Opened> {
    let scope = owner();
    let found = store
        .resource(scope.clone(), KIND.to_owned(), NAME.to_owned())
        .await
        .context("the proof of the key file cannot be read")?;
    let path = data_dir.join(FILE);
    let ring = store::key_file::load_or_create(&path, entropy, found.is_some())?;
    let vault: Arc<dyn Vault> = Arc::new(ring);
    let place = Place::new(&scope, KIND, NAME, "text");
    let sealed = prove(vault.as_ref(), &place).context("sealing secrets does not work")?;
    let proof = match found {
        Some(found) => {
            let kept = found.body.get("sealed").and_then(|kept| kept.as_str());
            let kept = Sealed::from_text(kept.unwrap_or_default());
            let opened = vault.open(&place, &kept).with_context(|| {
                format!(
                    "the key file `{}` is not the one that this database's secrets are sealed with",
                    path.display()
                )
            })?;
            ensure!(
                opened.expose() == TEXT,
                "the proof of the key file was changed"
            );
            None
        }
        None => Some(ResourceChange {
            scope,
            kind: KIND,
            name: NAME.to_owned(),
            expect: Expect::Any,
            body: Some(json!({ "v": 1, "sealed": sealed.as_text() })),
        }),
    };
    Ok(Opened { vault, proof })
}

/// The proof belongs to the installation, whatever account it is configured for.
fn owner() -> Scope {
    Scope {
        tenant: "quell".to_owned(),
        ..Scope::new("", "")
    }
}

/// Seals a text and looks at it: it is hidden, it opens, and it opens nowhere else.
fn prove(vault: &dyn Vault, place: &Place) -> Result<Sealed> {
    let sealed = vault.seal(place, &Secret::new(TEXT))?;
    ensure!(
        !sealed.as_text().contains(TEXT),
        "a sealed secret is readable"
    );
    ensure!(
        vault.open(place, &sealed)?.expose() == TEXT,
        "a sealed secret opens as something else"
    );
    let elsewhere = Place {
        member: "another".to_owned(),
        ..place.clone()
    };
    ensure!(
        vault.open(&elsewhere, &sealed).is_err(),
        "a sealed secret opens in another place"
    );
    Ok(sealed)
}

#[cfg(test)]
mod tests {
    use ports::store::{ResourceWrite, Turn};
    use ports::{MemoryStore, SeededEntropy};

    use super::*;

    async fn keep(store: &MemoryStore, change: ResourceChange) {
        let write = ResourceWrite {
            scope: change.scope,
            kind: change.kind.to_owned(),
            name: change.name,
            expect: change.expect,
            body: change.body,
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
        };
        let turn = Turn {
            resources: vec![write],
            ..Turn::default()
        };
        store.commit(turn).await.unwrap();
    }

    #[tokio::test]
    async fn a_lost_or_exchanged_key_file_is_told_at_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let store = MemoryStore::new();
        let entropy = || Arc::new(SeededEntropy::new(1));
        let first = open(dir.path(), &store, entropy()).await.unwrap();
        keep(&store, first.proof.expect("the first start leaves a proof")).await;
        let second = open(dir.path(), &store, entropy()).await.unwrap();
        assert!(second.proof.is_none());
        let path = dir.path().join(FILE);
        std::fs::remove_file(&path).unwrap();
        let lost = open(dir.path(), &store, entropy()).await.err().unwrap();
        assert!(format!("{lost:#}").contains("is missing"), "{lost:#}");
        let other = Arc::new(SeededEntropy::new(2));
        store::key_file::load_or_create(&path, other, false).unwrap();
        let wrong = open(dir.path(), &store, entropy()).await.err().unwrap();
        assert!(format!("{wrong:#}").contains("is not the one"), "{wrong:#}");
    }
}
