//! Promises about unique claims.

use model::Scope;
use model::resource::Expect;
use serde_json::json;

use super::words::*;
use crate::Store;
use crate::store::{ClaimKey, CommitError, Frames, NewClaim, Turn};

fn claiming(id: model::AggregateId, expect: u64, claims: Vec<NewClaim>) -> Turn {
    Turn {
        claims,
        ..step(id, expect)
    }
}

/// Whoever comes second is told who was first; the holder itself may claim again.
pub async fn a_claim_names_its_holder(store: &dyn Store) {
    assert_eq!(store.claim(claim_key("k"), at(0)).await, Ok(None));
    commit(
        store,
        claiming(incident(1), 0, vec![claim("k", incident(1))]),
    )
    .await;
    let lost = refused(
        store,
        claiming(incident(2), 0, vec![claim("k", incident(2))]),
    )
    .await;
    assert_eq!(
        lost,
        CommitError::Claimed {
            claim: Box::new(claim_key("k")),
            holder: incident(1)
        }
    );
    commit(
        store,
        claiming(incident(1), 1, vec![claim("k", incident(1))]),
    )
    .await;
    assert_eq!(
        store.claim(claim_key("k"), at(9)).await,
        Ok(Some(incident(1)))
    );
    // Another key and another family are other claims.
    let family = NewClaim {
        claim: ClaimKey {
            family: "token".to_owned(),
            ..claim_key("k")
        },
        holder: incident(2),
        expires: None,
    };
    commit(
        store,
        claiming(incident(2), 0, vec![claim("l", incident(2)), family]),
    )
    .await;
    assert_eq!(
        store.claim(claim_key("l"), at(9)).await,
        Ok(Some(incident(2)))
    );
}

/// From its instant on a claim is nobody's; claiming again moves the instant.
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
pub async fn a_claim_lapses_at_its_instant(store: &dyn Store) {
    let until = |millis, holder| NewClaim {
        expires: Some(at(millis)),
        ..claim("k", holder)
    };
    let turn = |number, millis: i64, claim| {
        with(claiming(incident(number), 0, vec![claim]), |write| {
            write.at = at(millis)
        })
    };
    commit(store, turn(1, 0, until(10, incident(1)))).await;
    assert_eq!(
        store.claim(claim_key("k"), at(9)).await,
        Ok(Some(incident(1)))
    );
    assert_eq!(store.claim(claim_key("k"), at(10)).await, Ok(None));
    let lost = refused(store, turn(2, 9, until(50, incident(2)))).await;
    assert_eq!(
        lost,
        CommitError::Claimed {
            claim: Box::new(claim_key("k")),
            holder: incident(1)
        }
    );
    commit(store, turn(2, 10, until(50, incident(2)))).await;
    assert_eq!(
        store.claim(claim_key("k"), at(49)).await,
        Ok(Some(incident(2)))
    );
    // Renewed by its holder, at last for ever.
    let renewed = with(
        claiming(incident(2), 1, vec![until(60, incident(2))]),
        |write| write.at = at(20),
    );
    commit(store, renewed).await;
    assert_eq!(
        store.claim(claim_key("k"), at(59)).await,
        Ok(Some(incident(2)))
    );
    let kept = with(
        claiming(incident(2), 2, vec![claim("k", incident(2))]),
        |write| write.at = at(30),
    );
    commit(store, kept).await;
    assert_eq!(
        store.claim(claim_key("k"), at(1_000_000)).await,
        Ok(Some(incident(2)))
    );
    // A turn without an instant of its own finds every claim in force.
    let short = NewClaim {
        expires: Some(at(0)),
        ..claim("short", incident(1))
    };
    commit(
        store,
        Turn {
            claims: vec![short],
            ..Turn::default()
        },
    )
    .await;
    let late = Turn {
        claims: vec![claim("short", incident(2))],
        ..Turn::default()
    };
    assert!(matches!(
        refused(store, late.clone()).await,
        CommitError::Claimed { .. }
    ));
    // An acceptance has the instant of its input, a resource turn that of its write.
    commit(
        store,
        Turn {
            inbox_new: vec![input(incident(2), "x")],
            ..late
        },
    )
    .await;
}

/// Only the turn of the holder gives a claim back; then it is free, even within that turn.
pub async fn a_claim_is_released_by_its_holder_only(store: &dyn Store) {
    commit(
        store,
        claiming(incident(1), 0, vec![claim("k", incident(1))]),
    )
    .await;
    commit(
        store,
        Turn {
            releases: vec![claim_key("k"), claim_key("none")],
            ..step(incident(2), 0)
        },
    )
    .await;
    assert_eq!(
        store.claim(claim_key("k"), at(9)).await,
        Ok(Some(incident(1)))
    );
    commit(
        store,
        Turn {
            releases: vec![claim_key("k")],
            ..Turn::default()
        },
    )
    .await;
    assert_eq!(
        store.claim(claim_key("k"), at(9)).await,
        Ok(Some(incident(1))),
        "a turn of nobody releases nothing"
    );
    commit(
        store,
        Turn {
            releases: vec![claim_key("k")],
            ..step(incident(1), 1)
        },
    )
    .await;
    assert_eq!(store.claim(claim_key("k"), at(9)).await, Ok(None));
    commit(
        store,
        claiming(incident(2), 1, vec![claim("k", incident(2))]),
    )
    .await;
    let handed = Turn {
        releases: vec![claim_key("k")],
        ..claiming(incident(2), 2, vec![claim("k", incident(3))])
    };
    commit(store, handed).await;
    assert_eq!(
        store.claim(claim_key("k"), at(9)).await,
        Ok(Some(incident(3)))
    );
}

/// A claim holds in all regions of one account of one tenant.
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
pub async fn claims_know_tenant_and_account_but_no_region(store: &dyn Store) {
    let elsewhere = |scope| ClaimKey {
        scope,
        ..claim_key("k")
    };
    let region = elsewhere(Scope {
        region: "us-east-1".to_owned(),
        ..here()
    });
    commit(
        store,
        claiming(incident(1), 0, vec![claim("k", incident(1))]),
    )
    .await;
    assert_eq!(
        store.claim(region.clone(), at(9)).await,
        Ok(Some(incident(1)))
    );
    let rival = NewClaim {
        claim: region.clone(),
        holder: incident(2),
        expires: None,
    };
    let lost = refused(store, claiming(incident(2), 0, vec![rival])).await;
    assert_eq!(
        lost,
        CommitError::Claimed {
            claim: Box::new(region.clone()),
            holder: incident(1)
        }
    );
    let others = [
        Scope {
            account: "2".to_owned(),
            ..here()
        },
        Scope {
            tenant: "t".to_owned(),
            ..here()
        },
    ];
    for (number, scope) in (3..).zip(others) {
        let claim = NewClaim {
            claim: elsewhere(scope.clone()),
            holder: incident(number),
            expires: None,
        };
        commit(store, claiming(incident(number), 0, vec![claim])).await;
        assert_eq!(
            store.claim(elsewhere(scope), at(9)).await,
            Ok(Some(incident(number)))
        );
    }
    commit(
        store,
        Turn {
            releases: vec![region],
            ..step(incident(1), 1)
        },
    )
    .await;
    assert_eq!(store.claim(claim_key("k"), at(9)).await, Ok(None));
}

/// With one claim lost nothing of the turn is there, its other claims included.
pub async fn a_claim_lost_takes_the_whole_turn_with_it(store: &dyn Store) {
    commit(
        store,
        claiming(
            incident(1),
            0,
            vec![claim("k", incident(1)), claim("own", incident(2))],
        ),
    )
    .await;
    let mut turn = claiming(
        incident(2),
        0,
        vec![claim("free", incident(2)), claim("k", incident(2))],
    );
    turn.releases.push(claim_key("own"));
    turn.inbox_new.push(input(incident(3), "lost"));
    turn.effects_new.push(effect(1));
    turn.timers.push(timer("lost", Some(at(0))));
    turn.resources.push(put("lost", Expect::Absent, json!(1)));
    assert!(matches!(
        refused(store, turn).await,
        CommitError::Claimed { .. }
    ));
    assert_eq!(store.load(incident(2), Frames::All).await, Ok(None));
    assert_eq!(store.claim(claim_key("free"), at(9)).await, Ok(None));
    assert_eq!(
        store.claim(claim_key("own"), at(9)).await,
        Ok(Some(incident(2))),
        "the release is undone"
    );
    assert_eq!(pending(store, 0, 10).await, Vec::<String>::new());
    assert_eq!(unsettled(store, 0, 10).await, [0_u8; 0]);
    assert_eq!(due(store, at(9)).await, Vec::<String>::new());
    assert_eq!(names(store, plans()).await, Vec::<String>::new());
}

/// Two holders of one key in one turn conflict like two turns.
pub async fn claims_within_one_turn_meet_each_other(store: &dyn Store) {
    let twice = vec![claim("k", incident(1)), claim("k", incident(2))];
    let lost = refused(store, claiming(incident(1), 0, twice)).await;
    assert_eq!(
        lost,
        CommitError::Claimed {
            claim: Box::new(claim_key("k")),
            holder: incident(1)
        }
    );
    commit(
        store,
        claiming(
            incident(1),
            0,
            vec![claim("k", incident(1)), claim("k", incident(1))],
        ),
    )
    .await;
}

/// What never lapses is listed in order of key, by family; what is released or lapses is not.
pub async fn lasting_claims_are_listed_by_family(store: &dyn Store) {
    let of = |family: &str, key: &str, number| NewClaim {
        claim: ClaimKey {
            family: family.to_owned(),
            ..claim_key(key)
        },
        holder: incident(number),
        expires: None,
    };
    let brief = NewClaim {
        expires: Some(at(1_000)),
        ..of("place", "d", 1)
    };
    let claims = vec![
        of("place", "c", 1),
        of("place", "a", 1),
        of("name", "b", 1),
        brief,
    ];
    commit(store, claiming(incident(1), 0, claims)).await;
    commit(store, claiming(incident(2), 0, vec![of("place", "b", 2)])).await;
    let listed =
        |after: &str, limit| store.lasting_claims("place".to_owned(), after.to_owned(), limit);
    let all = [("a", 1), ("b", 2), ("c", 1)].map(|(key, n)| (key.to_owned(), incident(n)));
    assert_eq!(listed("", 10).await, Ok(all.to_vec()));
    assert_eq!(listed("", 2).await, Ok(all[..2].to_vec()));
    assert_eq!(listed("b", 10).await, Ok(all[2..].to_vec()));
    let mut turn = claiming(incident(1), 1, Vec::new());
    turn.releases.push(of("place", "a", 1).claim);
    commit(store, turn).await;
    assert_eq!(listed("", 10).await, Ok(all[1..].to_vec()));
}
