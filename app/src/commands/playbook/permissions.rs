//! `quell playbook permissions`: the policy that a set of playbooks needs, and nothing else.

mod documents;
mod given;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use anyhow::{Result, bail};
use aws::permissions::{Need, Place, needs, policy, python};
use clap::{Arg, ArgAction, ArgMatches, Command};
use flow::automation::survey::{Script, survey};
use serde_json::{Value, json};

use documents::Playbook;

pub(super) fn interface() -> Command {
    let command = Command::new("permissions")
        .about("The IAM policy that a set of playbooks needs, and nothing else")
        .arg(
            Arg::new("file")
                .required(true)
                .num_args(1..)
                .value_name("FILE")
                .help("documents; those that run others: all of them"),
        );
    let command = shape(command);
    let parameter = "a parameter that always has this value (repeat it for lists)";
    let command = command.arg(option("param", "NAME=VALUE", parameter).action(ArgAction::Append));
    runs(command).arg(undo("runs")).arg(explain("steps"))
}

/// `--undo`.
pub(in crate::commands) fn undo(what: &str) -> Arg {
    Arg::new("undo")
        .long("undo")
        .action(ArgAction::SetTrue)
        .help(format!(
            "include what keeping the states before changes needs, and taking the {what} back"
        ))
}

/// `--explain`.
pub(in crate::commands) fn explain(parts: &str) -> Arg {
    Arg::new("explain")
        .long("explain")
        .action(ArgAction::SetTrue)
        .help(format!("say which {parts} need each action"))
}

fn option(name: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(help)
}

/// What is printed.
pub(in crate::commands) fn shape(command: Command) -> Command {
    command
        .arg(
            option("format", "FORMAT", "how the policy is written")
                .value_parser(["json", "terraform", "cloudformation"])
                .default_value("json"),
        )
        .arg(option(
            "trust",
            "ACCOUNT|ARN",
            "who may take the role: adds the trust policy",
        ))
        .arg(
            option(
                "role-name",
                "NAME",
                "name of the role in Terraform and CloudFormation",
            )
            .default_value("quell-playbooks"),
        )
}

/// What is known of the runs.
pub(in crate::commands) fn runs(command: Command) -> Command {
    let partitions = [
        "aws",
        "aws-cn",
        "aws-us-gov",
        "aws-iso",
        "aws-iso-b",
        "aws-eusc",
    ];
    command
        .arg(option(
            "account",
            "ID",
            "the account of the runs [default: any]",
        ))
        .arg(option(
            "region",
            "REGION",
            "the region of the runs [default: any]",
        ))
        .arg(
            option("partition", "NAME", "the partition of the runs")
                .value_parser(partitions)
                .default_value("aws"),
        )
}

/// Prints the policy; what a reader should know goes to standard error.
pub(super) fn run(matches: &ArgMatches) -> Result<ExitCode> {
    let files: Vec<&String> = matches.get_many("file").into_iter().flatten().collect();
    let known = given::known(matches)?;
    let place = place(matches)?;
    let playbooks = documents::read(&files)?;
    given::check(&playbooks, &known)?;
    let mut wanted = Wanted {
        undo: matches.get_flag("undo"),
        ..Wanted::default()
    };
    for playbook in &playbooks {
        wanted.playbook(playbook, &known, &place)?;
    }
    wanted.children(&playbooks);
    wanted.tell(matches, &place)?;
    Ok(ExitCode::SUCCESS)
}

/// Where the runs are, as far as the command line says.
pub(in crate::commands) fn place(matches: &ArgMatches) -> Result<Place> {
    let (account, region) = given::account_and_region(matches)?;
    let partition = matches.get_one::<String>("partition").cloned();
    Ok(Place {
        partition: partition.unwrap_or_else(|| "aws".to_owned()),
        region: region.unwrap_or_else(|| "*".to_owned()),
        account: account.unwrap_or_else(|| "*".to_owned()),
    })
}

fn print(
    format: &str,
    name: &str,
    (document, trust): (&Value, Option<&Value>),
    wanted: &Wanted,
) -> Result<()> {
    let notes: Vec<String> = wanted.notes.iter().cloned().collect();
    let pretty = |value: &Value| serde_json::to_string_pretty(value);
    match (format, trust) {
        ("terraform", Some(trust)) => {
            print!("{}", policy::terraform(name, document, trust, &notes))
        }
        ("cloudformation", Some(trust)) => {
            println!(
                "{}",
                pretty(&policy::cloudformation(name, document, trust, &notes))?
            );
        }
        ("terraform" | "cloudformation", None) => bail!(
            "a role needs a trust policy: give --trust with the account or the role that the server runs as"
        ),
        (_, Some(trust)) => println!(
            "{}",
            pretty(&json!({"PermissionsPolicy": document, "TrustPolicy": trust}))?
        ),
        (_, None) => println!("{}", pretty(document)?),
    }
    Ok(())
}

/// What all playbooks, or machines, need together.
#[derive(Default)]
pub(in crate::commands) struct Wanted {
    /// Needs, and the steps that have them.
    needs: BTreeMap<Need, BTreeSet<String>>,
    pub(in crate::commands) notes: BTreeSet<String>,
    /// Whether the runs shall be taken back.
    undo: bool,
    /// Documents that are run by others: who runs them.
    run: BTreeMap<String, String>,
}

impl Wanted {
    fn playbook(&mut self, playbook: &Playbook, known: &given::Known, place: &Place) -> Result<()> {
        let found = survey(&playbook.document, known);
        let undoing = if self.undo {
            found.undoing()
        } else {
            Vec::new()
        };
        for call in found.calls {
            let place_of = format!("{} {}", playbook.name, call.step);
            let called = (call.service.as_str(), call.operation.as_str());
            self.call(&place_of, called, (&call.params, place));
        }
        for call in undoing {
            let place_of = format!("{} {}, its undo", playbook.name, call.step);
            let called = (call.service.as_str(), call.operation.as_str());
            self.call(&place_of, called, (&call.params, place));
        }
        for script in &found.scripts {
            self.script(playbook, script, place);
        }
        for child in found.children {
            let by = format!("{} {}", playbook.name, child.step);
            self.run.insert(child.document, by);
        }
        for (step, reason) in found.unknown {
            self.notes
                .insert(format!("{} {step}: {reason}", playbook.name));
        }
        Ok(())
    }

    /// Prints the policy as the command line asks for it; what a reader should know goes to standard error.
    pub(in crate::commands) fn tell(mut self, matches: &ArgMatches, place: &Place) -> Result<()> {
        let text = |name: &str| matches.get_one::<String>(name).cloned();
        let document = policy::document(self.needs.keys());
        if policy::length(&document) > policy::LONGEST_MANAGED {
            let length = policy::length(&document);
            self.notes.insert(format!(
                "the policy has {length} characters; a managed policy may have {}, a role's inline policies 10240 together: make a role for each file",
                policy::LONGEST_MANAGED
            ));
        }
        let trust = text("trust")
            .map(|principal| policy::trust(&principal, &place.partition))
            .transpose()?;
        let format = text("format").unwrap_or_default();
        let name = text("role-name").unwrap_or_default();
        given::check_role_name(&name)?;
        print(&format, &name, (&document, trust.as_ref()), &self)?;
        if matches.get_flag("explain") {
            for (need, steps) in &self.needs {
                let steps: Vec<&str> = steps.iter().map(String::as_str).collect();
                eprintln!("{}: {}", need.action, steps.join(", "));
            }
        }
        for note in &self.notes {
            eprintln!("note: {note}");
        }
        Ok(())
    }

    /// A call that a step may make.
    pub(in crate::commands) fn call(
        &mut self,
        step: &str,
        (service, operation): (&str, &str),
        (params, place): (&Value, &Place),
    ) {
        if let Ok((service, operation)) = aws::resolve_names(service, operation)
            && server::serves(&service, &operation)
        {
            self.notes.insert(format!(
                "{step}: {service}:{operation} is answered by Quell itself and needs no permission on AWS"
            ));
            return;
        }
        match needs(service, operation, params, place) {
            Ok(found) => {
                for need in found.needs {
                    self.needs.entry(need).or_default().insert(step.to_owned());
                }
                self.notes.extend(found.notes);
            }
            Err(error) => {
                self.notes.insert(format!("{step}: {error}"));
            }
        }
    }

    fn script(&mut self, playbook: &Playbook, script: &Script, place: &Place) {
        let step = format!("{} {}", playbook.name, script.step);
        if !script.runtime.starts_with("python") {
            self.notes.insert(format!(
                "{step}: which calls a script for `{}` makes was not looked into",
                script.runtime
            ));
            return;
        }
        let found = python::calls(&script.text);
        for call in found.calls {
            self.call(
                &step,
                (&call.service, &call.operation),
                (&call.params, place),
            );
        }
        for (line, reason) in found.unknown {
            self.notes
                .insert(format!("{step}, line {line} of the script: {reason}"));
        }
    }

    /// Documents that are run and were not given.
    fn children(&mut self, playbooks: &[Playbook]) {
        for (name, by) in &self.run {
            if !playbooks.iter().any(|playbook| playbook.name == *name) {
                self.notes.insert(format!(
                    "{by}: it runs the document `{name}`, whose permissions are not included: give its file as well"
                ));
            }
        }
    }
}
