//! `quell demo`: the main job on a machine without an AWS account.
//!
//! A moto server stands for the account, a mail server and a chat room of the demo's own for the world's; Quell is this
//! very binary.
//! The demo succeeds only if the account itself, read back, shows containment.

mod account;
mod acts;
mod chat;
mod client;
mod mail;
mod processes;
mod proof;
mod setup;
mod story;
mod style;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::{Arg, ArgAction, ArgMatches, Command};
use ports::Clock;
use serde_json::{Value, json};

use crate::clock::SystemClock;
use crate::credentials;
use account::Account;
use acts::Incidents;
use client::{Client, REGION};
use processes::{Program, find_tool, free_port};
use style::{Case, Style};

/// Name of the hidden command that takes the demo's mails.
pub(crate) const MAIL_SERVER: &str = "__mail-server";
/// Name of the hidden command that takes the demo's chat messages.
pub(crate) const CHAT_ROOM: &str = "__chat-room";

pub(crate) fn interface() -> Command {
    Command::new("demo")
        .about("Run the story of compromised instances and a leaked access key on this machine, without an AWS account")
        .arg(
            Arg::new("keep")
                .long("keep")
                .action(ArgAction::SetTrue)
                .help("leave everything running and say how to look around"),
        )
        .arg(
            Arg::new("style")
                .long("style")
                .value_name("STYLE")
                .value_parser(Style::NAMES)
                .default_value("automation")
                .help("how the playbooks are written that contain instances and key"),
        )
        .arg(
            Arg::new("state")
                .long("state")
                .value_name("FILE")
                .help("write addresses, ids and process ids as JSON"),
        )
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDRESS")
                .default_value("127.0.0.1:8710")
                .help("where Quell listens; another port is taken when this one is in use"),
        )
}

/// Runs the demo; exits with success only if containment is proven.
pub(crate) fn run(matches: &ArgMatches) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the async runtime")?;
    let proven = runtime.block_on(demo(matches))?;
    Ok(if proven {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Takes mails until the process ends.
pub(crate) fn mail_server(args: &[String]) -> Result<()> {
    let [port, dir] = args else {
        bail!("the mail server needs a port and a folder")
    };
    let port = port.parse().context("the port")?;
    on_one_thread(mail::serve(port, Path::new(dir)))
}

/// Takes chat messages until the process ends.
pub(crate) fn chat_room(args: &[String]) -> Result<()> {
    let [port, dir] = args else {
        bail!("the chat room needs a port and a folder")
    };
    let port = port.parse().context("the port")?;
    on_one_thread(chat::serve(port, Path::new(dir)))
}

fn on_one_thread(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the async runtime")?
        .block_on(work)
}

/// Everything that runs for the demo.
struct Stage {
    style: Style,
    dir: PathBuf,
    mails: PathBuf,
    chat: PathBuf,
    programs: Vec<Program>,
    quell_url: String,
    aws_url: String,
    aws: Client,
    quell: Client,
}

async fn demo(matches: &ArgMatches) -> Result<bool> {
    let keep = matches.get_flag("keep");
    let listen: SocketAddr = matches
        .get_one::<String>("listen")
        .map_or("127.0.0.1:8710", String::as_str)
        .parse()
        .context("--listen must be an address and port, e.g. 127.0.0.1:8710")?;
    let style = matches.get_one::<String>("style");
    let style = style.map_or(Style::Automation, |name| Style::of(name));
    println!("Setting the stage: an AWS account (moto), a mail server, a chat room, Quell.");
    let file = |case| style.playbook(case).file;
    println!(
        "The playbooks: {} and {}",
        file(Case::Instance),
        file(Case::User)
    );
    let mut stage = Stage::set(listen, style).await?;
    let told = acts::tell(&stage, matches.get_one::<String>("state").map(Path::new)).await;
    let outcome = match told {
        Ok(proven) if keep => {
            stage.look_around();
            return Ok(proven);
        }
        other => other,
    };
    stage.end(outcome.is_ok());
    outcome
}

fn now() -> jiff::Timestamp {
    SystemClock::new().now()
}

impl Stage {
    async fn set(listen: SocketAddr, style: Style) -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("quell-demo-{}", std::process::id()));
        let (mails, chat) = (dir.join("mail"), dir.join("chat"));
        for folder in [&mails, &chat] {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let mut programs = Vec::new();
        let set = Self::start_all(&dir, (&mails, &chat), listen, &mut programs).await;
        match set {
            Ok((quell_url, aws_url, aws, quell)) => Ok(Self {
                style,
                dir,
                mails,
                chat,
                programs,
                quell_url,
                aws_url,
                aws,
                quell,
            }),
            Err(error) => {
                programs.iter_mut().rev().for_each(Program::end);
                Err(error)
            }
        }
    }

    async fn start_all(
        dir: &Path,
        (mails, chat): (&Path, &Path),
        listen: SocketAddr,
        programs: &mut Vec<Program>,
    ) -> Result<(String, String, Client, Client)> {
        let this = std::env::current_exe().context("the path of this program is unknown")?;
        let (aws_port, mail_port, chat_port) = (free_port()?, free_port()?, free_port()?);
        let mut moto = std::process::Command::new(find_tool("moto_server")?);
        moto.args(["-H", "127.0.0.1", "-p", &aws_port.to_string()]);
        programs.push(Program::start("moto", &mut moto, dir)?);
        let mut sink = std::process::Command::new(&this);
        sink.args([MAIL_SERVER, &mail_port.to_string()]).arg(mails);
        programs.push(Program::start("mail", &mut sink, dir)?);
        let mut room = std::process::Command::new(&this);
        room.args([CHAT_ROOM, &chat_port.to_string()]).arg(chat);
        programs.push(Program::start("chat", &mut room, dir)?);
        for (program, port) in programs.iter_mut().zip([aws_port, mail_port, chat_port]) {
            program.listening(([127, 0, 0, 1], port).into()).await?;
        }
        let aws_url = format!("http://127.0.0.1:{aws_port}");
        let listen = free_address(listen)?;
        let config = dir.join("quell.toml");
        std::fs::write(
            &config,
            configuration(dir, listen, &aws_url, (mail_port, chat_port)),
        )?;
        let mut serve = std::process::Command::new(&this);
        serve.args(["serve", "--config"]).arg(&config);
        // The account's keys: moto takes any. Nothing of the caller's own AWS settings may reach the demo.
        for (name, _) in std::env::vars()
            .filter(|(name, _)| name.starts_with("AWS_") || name.starts_with("QUELL_"))
        {
            serve.env_remove(name);
        }
        serve
            .env("AWS_ACCESS_KEY_ID", "demo")
            .env("AWS_SECRET_ACCESS_KEY", "demo");
        let mut quell = Program::start("quell", &mut serve, dir)?;
        let started = quell.healthy(listen).await;
        programs.push(quell);
        started?;
        let key = credentials::read(&dir.join("data/credentials"))?;
        let aws = Client::new(&aws_url, aws::Credentials::new("demo", "demo"))?;
        let quell_url = format!("http://{listen}");
        let quell = Client::new(&quell_url, aws::Credentials::new(&key.id, &key.secret))?;
        Ok((quell_url, aws_url, aws, quell))
    }

    fn credentials_file(&self) -> PathBuf {
        self.dir.join("data/credentials")
    }

    fn write_state(&self, path: &Path, account: &Account, incidents: &Incidents) -> Result<()> {
        let pids: serde_json::Map<String, Value> = self
            .programs
            .iter()
            .map(|program| (program.name().to_owned(), program.pid().into()))
            .collect();
        let state = json!({
            "quell_url": self.quell_url,
            "aws_url": self.aws_url,
            "playbooks": [self.style.playbook(Case::Instance).file, self.style.playbook(Case::User).file],
            "credentials_file": self.credentials_file(),
            "instance_ids": account.instances,
            "incident_arns": incidents.instances,
            "user_name": account.user.name,
            "access_key_id": account.user.leaked,
            "user_incident_arn": incidents.user,
            "imported_incident_arn": incidents.imported,
            "chat": self.chat,
            "pids": pids,
        });
        let text = serde_json::to_string_pretty(&state)?;
        std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    fn look_around(&self) {
        let credentials = self.credentials_file();
        println!("\nEverything is left running. Look around:\n");
        println!(
            "  export AWS_SHARED_CREDENTIALS_FILE={} AWS_DEFAULT_REGION={REGION}",
            credentials.display()
        );
        println!(
            "  aws ssm-incidents list-incident-records --endpoint-url {}",
            self.quell_url
        );
        println!(
            "  aws ssm describe-automation-executions --endpoint-url {}",
            self.quell_url
        );
        println!(
            "  aws ec2 describe-instances --endpoint-url {}",
            self.aws_url
        );
        println!("  ls {} {}", self.mails.display(), self.chat.display());
        let pids: Vec<String> = self
            .programs
            .iter()
            .map(|program| program.pid().to_string())
            .collect();
        println!("\nEnd it with: kill {}", pids.join(" "));
    }

    /// Ends everything; the folder stays when something went wrong.
    fn end(&mut self, well: bool) {
        self.programs.iter_mut().rev().for_each(Program::end);
        if well {
            let _ = std::fs::remove_dir_all(&self.dir);
        } else {
            eprintln!("logs and data lie in {}", self.dir.display());
        }
    }
}

/// The address that is wanted, or another port when it is in use.
fn free_address(wanted: SocketAddr) -> Result<SocketAddr> {
    if std::net::TcpListener::bind(wanted).is_ok() {
        return Ok(wanted);
    }
    let other = SocketAddr::new(wanted.ip(), free_port()?);
    println!("{wanted} is in use; Quell listens on {other}");
    Ok(other)
}

fn configuration(
    dir: &Path,
    listen: SocketAddr,
    aws_url: &str,
    (mail_port, chat_port): (u16, u16),
) -> String {
    let python = find_tool("python3")
        .or_else(|_| find_tool("python"))
        .unwrap_or_else(|_| PathBuf::from("python3"));
    let table = json!({
        "server": {"listen": listen, "data_dir": dir.join("data")},
        "auth": {"account_id": setup::ACCOUNT},
        "aws": {"endpoint_url": aws_url},
        "smtp": {"host": "127.0.0.1", "port": mail_port, "encryption": "none", "from": "Quell <quell@example.com>"},
        "scripts": {"python": python},
        "engine": {"consistency_delay_secs": 1},
        "webhooks": {"allow_http": true, "allow_private": true},
        "chat": {"slack": [{
            "name": "security",
            "webhook_url": format!("http://127.0.0.1:{chat_port}/services/demo"),
            "topics": [format!("arn:aws:sns:{REGION}:{}:quell-security", setup::ACCOUNT)],
        }]},
    });
    toml::to_string(&table).unwrap_or_default()
}
