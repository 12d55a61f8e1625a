//! What a reference stands for in a run.

use serde_json::{Map, Value};

use model::Scope;
use model::effect::AssumeRole;

use super::document::Step;
use super::input::Context;
use super::record::Failure;
use super::run::{LoopState, Run};
use crate::expr::reference::{Lookup, Reference, indexed, substitute, substitute_text};
use crate::expr::unknown;
use crate::expr::value_type::text_of;

/// Inputs that are not resolved ahead of the action: code, nested steps, and conditions.
const RAW_INPUTS: [&str; 4] = ["Script", "Steps", "LoopCondition", "Choices"];

impl Run {
    /// The value that a reference stands for at this moment.
    pub(crate) fn lookup(&self, cx: &Context, reference: &Reference) -> Result<Value, String> {
        match reference {
            Reference::Parameter { name, index } => match self.parameter(name) {
                Some(value) => indexed(value, *index),
                None if name == "RESOURCE_ID" => self.resource(),
                None => Err("there is no such parameter".to_owned()),
            },
            Reference::Output { step, output, index } => indexed(&self.step_output(step, output)?, *index),
            Reference::Global(name) => self.global(cx, name),
            Reference::Automation(name) => match name.as_str() {
                "EXECUTION_ID" => Ok(Value::String(cx.id.to_string())),
                "RESOURCE_ID" => self.resource(),
                _ => Err("known are automation:EXECUTION_ID and automation:RESOURCE_ID".to_owned()),
            },
            Reference::Variable { name, index } => match self.root.variables.get(name) {
                Some(value) => indexed(value, *index),
                None => Err("the variable has no value yet".to_owned()),
            },
            Reference::Ssm(_) => {
                Err("parameters of the parameter store may only be referred to by defaults of parameters".to_owned())
            }
        }
    }

    /// The resource that a rate-controlled run is for.
    fn resource(&self) -> Result<Value, String> {
        match &self.origin.request.target {
            Some(target) => Ok(Value::String(target.resource.clone())),
            None => Err("the run has no target resource".to_owned()),
        }
    }

    fn global(&self, cx: &Context, name: &str) -> Result<Value, String> {
        let region = &self.origin.request.region;
        let text = match name {
            "ACCOUNT_ID" => self.origin.account.clone(),
            "REGION" => region.clone(),
            "AWS_PARTITION" => Scope::new(&self.origin.account, region)
                .partition()
                .to_owned(),
            "DATE" => cx.at.strftime("%Y-%m-%d").to_string(),
            "DATE_TIME" => cx.at.strftime("%Y-%m-%d_%H.%M.%S").to_string(),
            _ => {
                return Err(
                    "known are ACCOUNT_ID, REGION, AWS_PARTITION, DATE and DATE_TIME".to_owned(),
                );
            }
        };
        Ok(Value::String(text))
    }

    fn step_output(&self, step: &str, output: &str) -> Result<Value, String> {
        let known = self.document.by_name.get(step).copied();
        // `loop` is the loop around the step, unless a step has that name.
        let around = self.root.in_loop.as_ref();
        if let Some(state) =
            around.filter(|state| known.map_or(step == "loop", |at| state.step == at))
        {
            match output {
                "CurrentIteration" => return Ok(Value::from(state.iteration)),
                "CurrentIteratorValue" => {
                    return self
                        .iterator_value(state)
                        .ok_or_else(|| "the loop has no iterators".to_owned());
                }
                _ => {}
            }
        }
        let at = known.ok_or_else(|| format!("there is no step `{step}`"))?;
        let record = self
            .latest
            .get(at)
            .copied()
            .flatten()
            .and_then(|seq| self.record(seq));
        let record = record.ok_or_else(|| format!("step `{step}` did not run"))?;
        // A planned run knows of a step that it passed over only that it has outputs.
        let passed = || {
            let any = record.outputs.get(&unknown::any_output())?;
            let plain = *any == unknown::mark(step);
            Some(if plain {
                unknown::mark(&format!("{step}.{output}"))
            } else {
                any.clone()
            })
        };
        record
            .outputs
            .get(output)
            .cloned()
            .or_else(passed)
            .ok_or_else(|| format!("step `{step}` has no output `{output}`"))
    }

    /// The item of a loop's current pass.
    pub(crate) fn iterator_value(&self, state: &LoopState) -> Option<Value> {
        let items = self
            .record(state.seq)?
            .inputs
            .get("Iterators")?
            .as_array()?;
        items
            .get(usize::try_from(state.iteration.checked_sub(1)?).ok()?)
            .cloned()
    }

    /// A step's inputs with values in the places of references.
    pub(crate) fn inputs(step: &Step, lookup: &Lookup<'_>) -> Result<Map<String, Value>, Failure> {
        let mut inputs = Map::new();
        let Some(declared) = step.inputs.as_object() else {
            return Ok(inputs);
        };
        for (key, template) in declared {
            if RAW_INPUTS.contains(&key.as_str()) {
                continue;
            }
            let value = substitute(template, lookup).map_err(|error| {
                Failure::inputs(format!("Input {key} can not be resolved: {error}."))
            })?;
            inputs.insert(key.clone(), value);
        }
        Ok(inputs)
    }

    /// The role that the run acts as: that of its place, of its document, or of the run that started it. `None` means
    /// the server's own identity.
    pub(crate) fn role(&self, cx: &Context) -> Result<Option<AssumeRole>, String> {
        let request = &self.origin.request;
        let location = request.location.as_ref();
        let own = match location {
            Some(location) if location.instead => None,
            _ => self
                .step_role()
                .map_or_else(|| self.declared_role(cx), |role| Ok(Some(role)))?
                .or_else(|| request.caller_role.clone()),
        };
        let mut roles = Vec::new();
        if let Some(location) = location {
            roles.extend(location.through.iter().cloned());
            roles.push(location.role_arn.clone());
        }
        roles.extend(own);
        if roles.is_empty() {
            return Ok(None);
        }
        Ok(AssumeRole::chain(roles, &format!("quell-{}", cx.id)))
    }

    /// The role of the present step, in a run that takes back calls of several.
    fn step_role(&self) -> Option<String> {
        let roles = &self.origin.request.undo.roles;
        roles.get(&self.current()?.name).cloned()
    }

    /// The role that the document names; `None` when it names none or an empty text.
    fn declared_role(&self, cx: &Context) -> Result<Option<String>, String> {
        let Some(template) = &self.document.assume_role else {
            return Ok(None);
        };
        let value = substitute_text(template, &|reference| self.lookup(cx, reference))
            .map_err(|e| e.to_string())?;
        let role_arn = text_of(&value).trim().to_owned();
        if role_arn.is_empty() {
            return Ok(None);
        }
        if !is_role_arn(&role_arn) {
            return Err("The format of the supplied assume role ARN isn't valid.".to_owned());
        }
        Ok(Some(role_arn))
    }
}

fn is_role_arn(text: &str) -> bool {
    model::arn::Arn::parse(text).is_some_and(|arn| {
        arn.service == "iam"
            && arn.account.len() == 12
            && arn.account.bytes().all(|b| b.is_ascii_digit())
            && arn.tail("role").is_some_and(|name| !name.is_empty())
    })
}
