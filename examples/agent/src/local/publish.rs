//! An agent that publishes itself in the Discovery Space of a topic, as long as it is there.

use std::time::Duration;

use anyhow::{Result, bail};
use iacp_core::directory::Kind;
use iacp_core::discovery::space_of_topic;
use iacp_core::erp::local::LocalStatus;
use iacp_wire::Signature;
use iacp_wire::layout::Publication;
use tokio::time::{Instant, sleep_until};
use zerocopy::IntoBytes;

use crate::clock::unix;
use crate::keys::Crypto;
use crate::local::channel::{Ask, Channel, words};
use crate::local::notice::{Notice, Status, What};

/// A publication lives no longer than an hour, in milliseconds; ...
const LIFE: u64 = 3_600_000;
/// ... it is renewed after this time, ...
const RENEW: Duration = Duration::from_secs(1_800);
/// ... and, where the host has another record under way, asked for again after this.
const AGAIN: Duration = Duration::from_secs(2);

/// A publication, and when it is made again.
pub struct Publishing<'a> {
    topic: &'a str,
    due: Instant,
    /// The number of the request that is under way.
    asked: Option<u32>,
}

impl<'a> Publishing<'a> {
    pub fn new(topic: &'a str) -> Self {
        Self { topic, due: Instant::now(), asked: None }
    }

    /// Returns when the publication is to be made; never without one.
    pub async fn is_due(publishing: Option<&Self>) {
        match publishing {
            Some(Self { due, asked: None, .. }) => sleep_until(*due).await,
            _ => std::future::pending().await,
        }
    }

    /// Has the host sign and write it.
    ///
    /// # Errors
    /// The channel is broken.
    // keeps: IACP-136 (§6.2)
    pub async fn publish(&mut self, channel: &mut Channel) -> Result<()> {
        let now = unix().0;
        let body = Publication {
            target_space_coordinate: space_of_topic::<Crypto>(self.topic),
            eid: channel.eid(),
            from: now.into(),
            until: (now + LIFE).into(),
            signature: Signature::ZERO,
        };
        let deposit = Ask::Deposit { kind: Kind::Publication as u8, body: body.as_bytes() };
        self.asked = Some(channel.ask(0, deposit).await?);
        Ok(())
    }

    /// What the host says to it; `false` if the notice is about something else.
    ///
    /// # Errors
    /// The host will never do it.
    pub fn heard(&mut self, notice: &Notice) -> Result<bool> {
        let What::Result { request, status, .. } = &notice.what else { return Ok(false) };
        if self.asked != Some(*request) {
            return Ok(false);
        }
        self.asked = None;
        self.due = Instant::now()
            + match *status {
                Ok(()) => RENEW,
                Err(Status::Known(LocalStatus::NotNow)) => AGAIN,
                Err(Status::Known(LocalStatus::Capacity)) => {
                    bail!("--topic: the host has no directory (agent host --directory …)")
                }
                Err(status) => bail!("--topic: the host refuses: {}", words(status)),
            };
        Ok(true)
    }
}
