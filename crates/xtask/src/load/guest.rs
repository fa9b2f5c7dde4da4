//! The host's own ipmitool: in a Linux guest, over its kernel's driver and the registers of its machine.

use std::{thread::sleep, time::Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;

use super::{Bench, SENSORS, SETTLE, millions, report::Target, usage};
use crate::{guest_agent::Agent, step::step};

const LIST: &str = "ipmitool -I open sdr elist full";

impl Bench<'_> {
    /// How long the guest takes for the list, beside the processor time of all servers for it: the rest is the guest's.
    pub(super) fn guest(&mut self, rounds: usize) -> anyhow::Result<()> {
        let sockets = self.stack.description().guest.clone().context("the stack has no guest")?;
        let mut agent = Agent::at(sockets.agent);
        step("the guest boots", || agent.boots())?;
        sleep(SETTLE);
        for round in 1..=rounds {
            step(&format!("guest, round {round} of {rounds}"), || self.guest_list(&mut agent))?;
        }
        Ok(())
    }

    fn guest_list(&mut self, agent: &mut Agent) -> anyhow::Result<()> {
        let (before, start) = (usage::cpu_ns(&self.servers)?, Instant::now());
        let listed = agent.run(LIST)?.lines().count();
        let elapsed = start.elapsed().as_secs_f64() * 1e3;
        let used = usage::growth(&before, &usage::cpu_ns(&self.servers)?);
        ensure!(listed == SENSORS, "the guest's sdr elist has {listed} sensors of {SENSORS}");
        let what = format!("sdr elist of {SENSORS} by the guest");
        let ours = millions(used.values().sum());
        self.record.figures.add(format!("{what}: server CPU"), "ms", Target::None, ours);
        self.record.figures.add(format!("{what}: elapsed"), "ms", Target::None, elapsed);
        self.record.raw.push(json!({ "guest_sdr_lists": 1, "elapsed_ms": elapsed, "cpu_ns": used }));
        Ok(())
    }
}
