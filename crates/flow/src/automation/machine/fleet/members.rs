//! What a fleet's children are for, and what each is asked for.

use std::collections::{BTreeMap, BTreeSet};

use model::Scope;
use model::arn::Arn;
use model::fleet::{ParentRun, RateControl, RunLocation, RunTarget, TargetLocation};
use model::report::StartRun;

use crate::automation::fleet::located::is_account;
use crate::automation::fleet::questions;
use crate::automation::fleet::{Group, Member};
use crate::automation::input::Context;
use crate::automation::run::Run;

/// The role that AWS names where no `ExecutionRoleName` is given.
const DEFAULT_ROLE: &str = "AWS-SystemsManager-AutomationExecutionRole";
const RESOURCE_ID: [&str; 2] = ["RESOURCE_ID", "automation:RESOURCE_ID"];

/// One member for each resource or map.
pub(super) fn resources(run: &Run, found: &[Member]) -> Vec<Member> {
    let rate = &run.request().rate;
    if !rate.maps.is_empty() {
        let named = rate.maps.iter().enumerate();
        return named.map(|(at, map)| of_map(at, map, rate)).collect();
    }
    let parameter = rate.parameter.clone().unwrap_or_default();
    let declared = run
        .document
        .parameter(&parameter)
        .map(|one| one.type_name.as_str());
    let wants_arn = declared.is_some_and(|name| name.contains("Arn"))
        || parameter.ends_with("Arn")
        || parameter.ends_with("ARN");
    let kind = run
        .root
        .fleet
        .as_ref()
        .and_then(|fleet| fleet.resource_type.as_deref());
    let values = match questions::of_targets(&rate.targets, kind) {
        Err(given) => given,
        Ok(_) => {
            let found = found.iter().map(|member| member.name.as_str());
            found
                .map(|name| questions::parameter_value(name, wants_arn))
                .collect()
        }
    };
    let mut seen = BTreeSet::new();
    let fresh = values
        .into_iter()
        .filter(|value| seen.insert(value.clone()));
    let member = |value: String| Member {
        name: value.clone(),
        parameters: BTreeMap::from([(parameter.clone(), vec![value.clone()])]),
        resource: Some(value),
        place: None,
    };
    fresh.map(member).collect()
}

fn of_map(at: usize, map: &BTreeMap<String, Vec<String>>, rate: &RateControl) -> Member {
    let named = rate.parameter.as_ref().and_then(|name| map.get(name));
    let values = named.or_else(|| map.values().next().filter(|_| map.len() == 1));
    let resource = values.and_then(|values| values.first()).cloned();
    Member {
        name: resource
            .clone()
            .unwrap_or_else(|| format!("map {}", at + 1)),
        parameters: map.clone(),
        resource,
        place: None,
    }
}

/// One member for each account and region, one group for each entry.
pub(super) fn places(locations: &[TargetLocation], found: &[Member]) -> (Vec<Member>, Vec<Group>) {
    let mut members = Vec::new();
    let mut groups = Vec::new();
    for (entry, location) in locations.iter().enumerate() {
        let listed = location
            .accounts
            .iter()
            .filter(|id| is_account(id))
            .cloned();
        let of_units = found.iter().filter_map(|member| match &member.place {
            Some((of, account, _)) if *of == entry => Some(account.clone()),
            _ => None,
        });
        let mut seen: BTreeSet<String> = location.exclude_accounts.iter().cloned().collect();
        let accounts: Vec<String> = listed
            .chain(of_units)
            .filter(|account| seen.insert(account.clone()))
            .collect();
        let first = members.len();
        for account in &accounts {
            for region in &location.regions {
                members.push(Member {
                    name: format!("{account}_{region}"),
                    place: Some((entry, account.clone(), region.clone())),
                    ..Member::default()
                });
            }
        }
        let limits = (
            location.max_concurrency.as_deref(),
            location.max_errors.as_deref(),
        );
        groups.push(Group::new((first, members.len()), limits.0, limits.1));
    }
    (members, groups)
}

/// What a member's run is asked for.
pub(super) fn child_request(run: &Run, cx: &Context, member: &Member) -> Result<StartRun, String> {
    let request = run.request();
    let (depth, held) = match &request.parent {
        Some(parent) => (parent.depth, parent.holds_place),
        None => (0, false),
    };
    let mut child = StartRun {
        document_name: request.document_name.clone(),
        document_version: Some(run.origin.version.clone()),
        given: run.origin.given().map(Box::new),
        parameters: request.parameters.clone(),
        executed_by: request.executed_by.clone(),
        region: request.region.clone(),
        mode: "Auto".to_owned(),
        parent: Some(ParentRun {
            run: cx.id,
            depth: depth + 1,
            holds_place: held,
        }),
        caller_role: request.caller_role.clone(),
        location: request.location.clone(),
        target: member
            .resource
            .clone()
            .map(|resource| RunTarget { resource }),
        ..StartRun::default()
    };
    if let Some(resource) = &member.resource {
        let values = child.parameters.values_mut().flatten();
        values
            .filter(|text| is_resource_id(text))
            .for_each(|text| text.clone_from(resource));
    }
    child.parameters.extend(member.parameters.clone());
    if let Some((entry, account, region)) = &member.place {
        let location = request
            .locations
            .get(*entry)
            .ok_or("An entry of TargetLocations is gone.")?;
        child.region.clone_from(region);
        child.caller_role = None;
        child.rate = rate_at(&request.rate, location);
        child.alarm.clone_from(&location.alarm);
        child.location = Some(run_location(run, cx, location, (account, region))?);
    }
    Ok(child)
}

/// `{{RESOURCE_ID}}` as the whole of a value.
fn is_resource_id(text: &str) -> bool {
    let inner = text
        .trim()
        .strip_prefix("{{")
        .and_then(|rest| rest.strip_suffix("}}"));
    inner.is_some_and(|name| RESOURCE_ID.contains(&name.trim()))
}

/// What an entry of `TargetLocations` says about targets goes before what the request says.
fn rate_at(rate: &RateControl, location: &TargetLocation) -> RateControl {
    let mut rate = rate.clone();
    if !location.targets.is_empty() {
        rate.targets.clone_from(&location.targets);
        rate.maps.clear();
    }
    rate.max_concurrency = location
        .targets_max_concurrency
        .clone()
        .or(rate.max_concurrency);
    rate.max_errors = location.targets_max_errors.clone().or(rate.max_errors);
    if !rate.is_asked() {
        return RateControl::default();
    }
    rate
}

fn run_location(
    run: &Run,
    cx: &Context,
    location: &TargetLocation,
    (account, region): (&str, &str),
) -> Result<RunLocation, String> {
    let name = location.role_name.as_deref().unwrap_or(DEFAULT_ROLE);
    let role_arn = Arn {
        partition: Scope::new(account, region).partition().to_owned(),
        service: "iam".to_owned(),
        region: String::new(),
        account: account.to_owned(),
        resource: format!("role/{name}"),
    };
    let role = run.role(cx)?;
    let through = role.map(|role| role.arns().into_iter().map(str::to_owned).collect());
    let home = run
        .request()
        .location
        .as_ref()
        .map(|here| here.home_region.clone());
    Ok(RunLocation {
        account: account.to_owned(),
        home_region: home.unwrap_or_else(|| run.request().region.clone()),
        role_arn: role_arn.to_string(),
        through: through.unwrap_or_default(),
        instead: true,
    })
}
