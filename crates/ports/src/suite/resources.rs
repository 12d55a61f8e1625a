//! Promises about resources.

use model::Scope;
use model::resource::{Expect, Resource};
use serde_json::json;

use super::words::*;
use crate::Store;
use crate::store::{CommitError, ResourceQuery, ResourceWrite};

async fn plan(store: &dyn Store, name: &str) -> Option<Resource> {
    store
        .resource(here(), "plan".to_owned(), name.to_owned())
        .await
        .expect("readable")
}

/// Created at revision 1, changed to the next, deleted to nothing, created again at 1.
pub async fn resources_grow_and_go(store: &dyn Store) {
    assert_eq!(plan(store, "a").await, None);
    let created = commit(
        store,
        resources(vec![put("a", Expect::Absent, json!({"v": 1}))]),
    )
    .await;
    assert_eq!(created.resources, [1]);
    let change = ResourceWrite {
        at: at(2),
        ..put("a", Expect::Revision(1), json!({"v": 2}))
    };
    assert_eq!(commit(store, resources(vec![change])).await.resources, [2]);
    let want = Resource {
        scope: here(),
        kind: "plan".to_owned(),
        name: "a".to_owned(),
        revision: 2,
        body: json!({"v": 2}),
        created: at(1),
        updated: at(2),
    };
    assert_eq!(plan(store, "a").await, Some(want));
    assert_eq!(
        commit(store, resources(vec![remove("a", Expect::Revision(2))]))
            .await
            .resources,
        [0]
    );
    assert_eq!(plan(store, "a").await, None);
    let again = ResourceWrite {
        at: at(7),
        ..put("a", Expect::Any, json!(3))
    };
    assert_eq!(commit(store, resources(vec![again])).await.resources, [1]);
    assert_eq!(
        plan(store, "a").await.map(|found| found.created),
        Some(at(7))
    );
}

/// `Absent`, `Revision` and `Any` hold when they say the truth, for writes and deletions; otherwise the truth is told.
pub async fn resources_expect_what_they_say(store: &dyn Store) {
    let (there, missing) = ("there", "missing");
    commit(store, resources(vec![put(there, Expect::Absent, json!(1))])).await;
    commit(store, resources(vec![put(there, Expect::Any, json!(2))])).await;
    let conflict = |name: &str, found| CommitError::ResourceConflict {
        kind: "plan".to_owned(),
        name: name.to_owned(),
        found,
    };
    let wrong = [
        (there, Expect::Absent, Some(2)),
        (there, Expect::Revision(1), Some(2)),
        (there, Expect::Revision(3), Some(2)),
        (there, Expect::Revision(u64::MAX), Some(2)),
        (missing, Expect::Revision(1), None),
        (missing, Expect::Revision(0), None),
    ];
    for (name, expect, found) in wrong {
        for write in [put(name, expect, json!("lost")), remove(name, expect)] {
            assert_eq!(
                refused(store, resources(vec![write])).await,
                conflict(name, found),
                "{expect:?}"
            );
        }
    }
    assert_eq!(
        plan(store, there).await.map(|found| found.body),
        Some(json!(2))
    );
    assert_eq!(plan(store, missing).await, None);
    // To delete what is not there is fine for whoever does not care.
    let nothing = vec![
        remove(missing, Expect::Any),
        remove(missing, Expect::Absent),
    ];
    assert_eq!(commit(store, resources(nothing)).await.resources, [0, 0]);
    assert_eq!(
        commit(store, resources(vec![remove(there, Expect::Any)]))
            .await
            .resources,
        [0]
    );
    assert_eq!(plan(store, there).await, None);
}

/// With one write refused the others are not there either.
pub async fn a_resource_conflict_takes_the_whole_turn_with_it(store: &dyn Store) {
    commit(store, resources(vec![put("b", Expect::Absent, json!(1))])).await;
    let writes = vec![
        put("a", Expect::Absent, json!(1)),
        remove("b", Expect::Any),
        put("c", Expect::Revision(1), json!(1)),
    ];
    let error = refused(store, resources(writes)).await;
    assert!(matches!(error, CommitError::ResourceConflict { name, .. } if name == "c"));
    assert_eq!(names(store, plans()).await, ["b"]);
}

/// Writes of one turn happen one after another.
pub async fn resources_of_one_turn_meet_each_other(store: &dyn Store) {
    let writes = vec![
        put("a", Expect::Absent, json!(1)),
        put("a", Expect::Revision(1), json!(2)),
        remove("a", Expect::Revision(2)),
        put("a", Expect::Absent, json!(3)),
    ];
    assert_eq!(
        commit(store, resources(writes)).await.resources,
        [1, 2, 0, 1]
    );
    assert_eq!(
        plan(store, "a").await.map(|found| found.body),
        Some(json!(3))
    );
    let twice = vec![
        put("b", Expect::Absent, json!(1)),
        put("b", Expect::Absent, json!(2)),
    ];
    let error = refused(store, resources(twice)).await;
    assert!(matches!(
        error,
        CommitError::ResourceConflict { found: Some(1), .. }
    ));
    assert_eq!(plan(store, "b").await, None);
}

/// Exactly one scope and family, in order of name, page by page.
#[expect(
    clippy::too_many_lines,
    reason = "one story, told from beginning to end"
)]
pub async fn resources_are_listed_by_name(store: &dyn Store) {
    let mut writes: Vec<_> = ["c", "a", "e", "b", "d"]
        .map(|name| put(name, Expect::Absent, json!(name)))
        .into();
    writes.push(ResourceWrite {
        kind: "contact".to_owned(),
        ..put("x", Expect::Absent, json!(1))
    });
    for scope in [
        here().global(),
        Scope {
            tenant: "t".to_owned(),
            ..here()
        },
        Scope {
            account: "9".to_owned(),
            ..here()
        },
    ] {
        writes.push(ResourceWrite {
            scope,
            ..put("y", Expect::Absent, json!(1))
        });
    }
    commit(store, resources(writes)).await;
    assert_eq!(names(store, plans()).await, ["a", "b", "c", "d", "e"]);
    assert_eq!(
        names(
            store,
            ResourceQuery {
                limit: 2,
                ..plans()
            }
        )
        .await,
        ["a", "b"]
    );
    assert_eq!(
        names(
            store,
            ResourceQuery {
                limit: 0,
                ..plans()
            }
        )
        .await,
        ["a"]
    );
    let after = |name: &str| ResourceQuery {
        after: Some((here(), name.to_owned())),
        limit: 2,
        ..plans()
    };
    assert_eq!(names(store, after("b")).await, ["c", "d"]);
    assert_eq!(names(store, after("bb")).await, ["c", "d"]);
    assert_eq!(names(store, after("e")).await, Vec::<String>::new());
    assert_eq!(
        names(
            store,
            ResourceQuery {
                scope: Some(here().global()),
                ..plans()
            }
        )
        .await,
        ["y"]
    );
    // The region is compared exactly: nothing of another region, nothing global.
    assert_eq!(
        store
            .resource(here(), "plan".to_owned(), "y".to_owned())
            .await,
        Ok(None)
    );
    assert_eq!(
        store
            .resource(here().global(), "plan".to_owned(), "a".to_owned())
            .await,
        Ok(None)
    );
}

/// A prefix is text, not a pattern.
pub async fn resources_are_listed_by_prefix(store: &dyn Store) {
    let all = [
        "bus/a", "bus/b", "bus", "bus2/a", "b%s/a", "b_s/a", "bus/é", "bus/😀",
    ];
    commit(
        store,
        resources(all.map(|name| put(name, Expect::Absent, json!(1))).into()),
    )
    .await;
    let prefix = |text: &str| ResourceQuery {
        prefix: text.to_owned(),
        ..plans()
    };
    assert_eq!(
        names(store, prefix("bus/")).await,
        ["bus/a", "bus/b", "bus/é", "bus/😀"]
    );
    assert_eq!(names(store, prefix("b%")).await, ["b%s/a"]);
    assert_eq!(names(store, prefix("b_")).await, ["b_s/a"]);
    assert_eq!(names(store, prefix("bus/😀")).await, ["bus/😀"]);
    assert_eq!(names(store, prefix("BUS")).await, Vec::<String>::new());
    let page = ResourceQuery {
        after: Some((here(), "bus/a".to_owned())),
        limit: 1,
        ..prefix("bus/")
    };
    assert_eq!(names(store, page).await, ["bus/b"]);
    let everybody = ResourceQuery {
        scope: None,
        ..prefix("bus/")
    };
    assert_eq!(
        names(store, everybody).await,
        ["bus/a", "bus/b", "bus/é", "bus/😀"]
    );
}

/// Without a scope all owners' resources come in order of scope and name, and paging crosses from one to the next.
pub async fn everybodys_resources_are_paged(store: &dyn Store) {
    let mut want = Vec::new();
    for tenant in ["default", "t2"] {
        for account in ["1", "2"] {
            for region in ["", "eu-central-1"] {
                for name in ["a", "b"] {
                    let scope = Scope {
                        tenant: tenant.to_owned(),
                        account: account.to_owned(),
                        region: region.to_owned(),
                    };
                    want.push((scope, name.to_owned()));
                }
            }
        }
    }
    // Written in another order than they are read.
    let writes = want.iter().rev().map(|(scope, name)| ResourceWrite {
        scope: scope.clone(),
        ..put(name, Expect::Absent, json!(1))
    });
    commit(store, resources(writes.collect())).await;
    let other = ResourceWrite {
        kind: "contact".to_owned(),
        ..put("z", Expect::Absent, json!(1))
    };
    commit(store, resources(vec![other])).await;
    let mut seen: Vec<(Scope, String)> = Vec::new();
    loop {
        let query = ResourceQuery {
            scope: None,
            after: seen.last().cloned(),
            limit: 3,
            ..plans()
        };
        let page = store.resources(query).await.expect("readable");
        if page.is_empty() {
            break;
        }
        seen.extend(
            page.into_iter()
                .map(|resource| (resource.scope, resource.name)),
        );
    }
    assert_eq!(seen, want);
}
