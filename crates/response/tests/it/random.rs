//! Properties over random histories. `Paging` and `Desk` check restore(frames) == state after every turn; here come
//! "no page is started after a committed acknowledgement or stop", "every stage's page is started by its deadline",
//! "nothing panics".

mod incidents;

use jiff::Timestamp;
use model::Outcome;
use model::contact::ContactType;
use response::engage::{self, Accept, AcceptCodeValidation, AcceptType, Engagement};
use response::template::{self, Facts, resource};
use serde_json::{Value, json};
use uuid::Uuid;

use super::world::{Mail, Paging, failure, minutes, start_of_time};

/// A small generator (SplitMix64): the seed in a failure's message repeats the history.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: u64) -> usize {
        (self.roll() % most.max(1)) as usize
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.roll() % 100 < percent
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64)]
    }
}

const PEOPLE: [&str; 3] = ["ana", "bo", "cy"];

fn random_world(dice: &mut Dice) -> (Paging, String) {
    let mut world = Paging::new();
    for alias in PEOPLE {
        let stages: Vec<i64> = (0..dice.below(4)).map(|_| dice.below(6) as i64).collect();
        world = world.person(alias, &stages);
    }
    let stages: Vec<(i64, Vec<(&str, bool)>)> = (0..=dice.below(3))
        .map(|_| {
            let people: Vec<_> = PEOPLE
                .iter()
                .filter(|_| dice.chance(60))
                .map(|alias| (*alias, true))
                .collect();
            let people = people
                .into_iter()
                .map(|(alias, _)| (alias, dice.chance(50)))
                .collect();
            (1 + dice.below(6) as i64, people)
        })
        .collect();
    let borrowed: Vec<(i64, &[(&str, bool)])> = stages
        .iter()
        .map(|(wait, people)| (*wait, people.as_slice()))
        .collect();
    world = world.escalation(&borrowed);
    world.mail = *dice.pick(&[
        Mail::Works,
        Mail::Works,
        Mail::Refused,
        Mail::Down,
        Mail::Waits,
    ]);
    let root = if dice.chance(70) {
        "esc"
    } else {
        *dice.pick(&PEOPLE)
    };
    (world, root.to_owned())
}

/// The people who may not be paged any more, by the state before a turn.
fn silenced(state: &Engagement, contact: &str) -> bool {
    state.stopped.is_some()
        || state
            .people
            .iter()
            .any(|person| person.contact_arn == contact && person.acknowledged.is_some())
}

fn random_input(dice: &mut Dice, world: &Paging) -> engage::Input {
    let state = world.state.as_ref().expect("started");
    let pages: Vec<_> = state.pages.values().cloned().collect();
    match dice.below(8) {
        0 | 1 if !pages.is_empty() => {
            let page = dice.pick(&pages);
            engage::Input::Accept(Accept {
                page: page.id,
                channel_arn: dice.chance(20).then(|| page.channel_arn.clone()),
                accept_type: if dice.chance(50) {
                    AcceptType::Read
                } else {
                    AcceptType::Delivered
                },
                code: if dice.chance(70) {
                    page.code.clone()
                } else {
                    "000000".to_owned()
                },
                validation: if dice.chance(80) {
                    AcceptCodeValidation::Enforce
                } else {
                    AcceptCodeValidation::Ignore
                },
                note: dice.chance(20).then(|| "on it\u{0}".to_owned()),
            })
        }
        2 if dice.chance(20) => engage::Input::Stop {
            reason: dice.chance(50).then(|| "enough".to_owned()),
        },
        3 | 4 if !world.sends.is_empty() => {
            let outcome = match dice.below(3) {
                0 => Outcome::Done {
                    result: json!({ "MessageId": "m" }),
                },
                1 => failure(dice.chance(50)),
                _ => Outcome::Unknown {
                    reason: "?".to_owned(),
                },
            };
            engage::Input::Sent {
                effect: *dice.pick(&world.sends),
                outcome,
            }
        }
        5 => engage::Input::Start(Box::new(world.request("esc"))),
        _ => {
            let keys = [
                "escalation/0",
                "escalation/99",
                "person/0/0",
                "person/7/1",
                "person/x",
                "retry/",
                "retry/x",
                "unanswered",
                "",
                "/",
            ];
            engage::Input::Timer {
                key: (*dice.pick(&keys)).to_owned(),
            }
        }
    }
}

#[test]
fn nobody_is_paged_after_an_answer_or_a_stop() {
    for seed in 0..150 {
        let mut dice = Dice(seed);
        let (mut world, root) = random_world(&mut dice);
        world.start(&root);
        for _ in 0..40 {
            if dice.chance(40) {
                // Time passes turn by turn, so that each turn is compared with the state before it.
                let until = world
                    .now
                    .checked_add(minutes(dice.below(8) as i64))
                    .expect("a time");
                while let Some((key, due)) = next_timer(&world, until) {
                    world.timers.remove(&key);
                    world.now = world.now.max(due);
                    checked(&mut world, engage::Input::Timer { key }, seed);
                }
                world.now = until;
            } else {
                let input = random_input(&mut dice, &world);
                checked(&mut world, input, seed);
            }
        }
    }
}

fn next_timer(world: &Paging, until: Timestamp) -> Option<(String, Timestamp)> {
    let due = world.timers.iter().filter(|(_, due)| **due <= until);
    due.min_by_key(|(key, due)| (**due, (*key).clone()))
        .map(|(key, due)| (key.clone(), *due))
}

fn checked(world: &mut Paging, input: engage::Input, seed: u64) {
    let before = world.state.clone().expect("started");
    if let engage::Input::Timer { key } = &input {
        world.timers.remove(key);
    }
    let Ok(decision) = world.apply(input.clone()) else {
        return;
    };
    for command in &decision.commands {
        if let engage::Command::Send { effect, .. } = command {
            let page = decision
                .state
                .pages
                .values()
                .find(|page| page.in_flight == Some(*effect))
                .expect("its page");
            let contact = decision.state.contact_of(page);
            assert!(
                !silenced(&before, contact),
                "seed {seed}: {contact} was paged by {input:?}"
            );
        }
    }
    if decision.state.stopped.is_some() {
        assert!(
            decision.state.timers.is_empty() && world.timers.is_empty(),
            "seed {seed}: timers after the end"
        );
    }
    let known: Vec<_> = world.timers.keys().cloned().collect();
    let state: Vec<_> = world
        .state
        .as_ref()
        .expect("started")
        .timers
        .iter()
        .cloned()
        .collect();
    assert_eq!(known, state, "seed {seed}: the state knows its timers");
}

#[test]
fn every_stage_starts_by_its_deadline() {
    for seed in 0..100 {
        let mut dice = Dice(seed ^ 0xabcd);
        let (mut world, root) = random_world(&mut dice);
        world.mail = Mail::Works;
        world.start(&root);
        world.fast_forward(minutes(600));
        let state = world.state.as_ref().expect("started");
        if state.stopped.is_some() {
            assert!(
                world.mails.is_empty(),
                "seed {seed}: nobody could be reached"
            );
            continue;
        }
        let mut expected = Vec::new();
        let root = &world.directory.contacts[&state.contact_arn];
        let mut engaged = vec![(root.clone(), 0)];
        if root.kind == ContactType::Escalation {
            engaged.clear();
            let mut offset = 0;
            for stage in root.plan.stages() {
                for target in &stage.targets {
                    let model::contact::Target::Contact(target) = target else {
                        continue;
                    };
                    let arn = target.contact_id.as_ref().expect("an ARN");
                    engaged.push((world.directory.contacts[arn].clone(), offset));
                }
                offset += stage.duration_in_minutes;
            }
        }
        for (person, from) in engaged {
            let mut offset = from;
            for (number, stage) in person.plan.stages().iter().enumerate() {
                expected.push(format!("{}{number}@{offset}", person.alias));
                offset += stage.duration_in_minutes;
            }
        }
        let mut told = world.told();
        told.sort();
        expected.sort();
        assert_eq!(told, expected, "seed {seed}");
    }
}

fn random_json(dice: &mut Dice, depth: usize) -> Value {
    let names = [
        "detail",
        "resource",
        "resourceType",
        "Instance",
        "instanceDetails",
        "instanceId",
        "findings",
        "Resources",
        "Id",
        "service",
        "action",
        "remoteIpDetails",
        "ipAddressV4",
        "configRuleName",
        "eventSource",
        "requestParameters",
        "alarmName",
        "configuration",
        "metrics",
        "resources",
        "time",
        "severity",
        "",
    ];
    match dice.below(if depth == 0 { 4 } else { 7 }) {
        0 => Value::Null,
        1 => json!(dice.roll()),
        2 => json!(*dice.pick(&names)),
        3 => json!("Instance"),
        4 => (0..dice.below(3))
            .map(|_| random_json(dice, depth - 1))
            .collect(),
        _ => {
            let members = (0..dice.below(5)).map(|_| {
                (
                    (*dice.pick(&names)).to_owned(),
                    random_json(dice, depth - 1),
                )
            });
            Value::Object(members.collect())
        }
    }
}

#[test]
fn templates_take_any_event() {
    let variables = [
        "resource.id",
        "resource.arn",
        "finding.remote_ip",
        "finding.type",
        "event.detail.a[0]",
        "event.json",
        "{{",
        "}}",
        "é",
    ];
    for seed in 0..1000 {
        let mut dice = Dice(seed ^ 0x2222);
        let event =
            json!({ "detail": random_json(&mut dice, 5), "resources": random_json(&mut dice, 1) });
        let facts = Facts {
            event: Some(&event),
            incident: Some(("arn", Uuid::nil())),
        };
        let template: String = (0..4)
            .map(|_| format!("{{{{ {} }}}}", dice.pick(&variables)))
            .collect();
        let _ = resource::primary(&event);
        let _ = resource::first_seen(&event);
        assert!(template::title(&template, &facts).chars().count() <= 200);
        if let Ok(key) = template::dedupe_key(&template, &facts) {
            assert!(
                key.chars().count() <= 1000 && !key.is_empty(),
                "seed {seed}"
            );
        }
    }
}

#[test]
fn damaged_frames_are_refused_and_unknown_members_tolerated() {
    let mut world = Paging::new().person("ana", &[5]);
    world.start("ana");
    let frames = |change: &dyn Fn(&str, &mut Value)| {
        let listed = world.frames.iter().map(|(key, body)| {
            let mut body = body.clone();
            change(key, &mut body);
            (key.clone(), body)
        });
        Engagement::restore(listed.collect())
    };
    assert!(frames(&|_, body| body["novel"] = json!([1])).is_ok());
    assert!(frames(&|_, body| body["v"] = json!(2)).is_err());
    assert!(
        frames(&|key, body| if key.starts_with("page/") {
            body["code"] = json!(7)
        })
        .is_err()
    );
    assert!(Engagement::restore(Vec::new()).is_err());
    assert_eq!(world.now, start_of_time());
}
