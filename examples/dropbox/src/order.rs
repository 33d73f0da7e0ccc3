//! What people order: given as a file in `ROOT/orders`, written down, and then done.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail, ensure};
use cep_envelope::lineage::{Lineage, Parent};
use cep_envelope::manifest::{Instant, KeyDirectory, Signatures, Strict};
use jiff::Timestamp;

use crate::disk::Steps;
use crate::dropbox::{Dropbox, Told};
use crate::entry::{Deed, Entry, Event, Order, order_hash};
use crate::folders::{is_there, list, read_bounded};
use crate::line::digest;
use crate::memory::Remembered;
use crate::work::{Item, Stuck};

/// The longest order, in bytes.
const LONGEST: u64 = 64 << 10;

impl<S: Steps> Dropbox<S> {
    /// Does what people have ordered. An order that is refused is answered, and changes nothing. Returns the ids of orders that are
    /// written down and cannot be followed now: they are tried again after a pause.
    pub(crate) fn obey_orders(
        &mut self,
        clock: &impl Fn() -> Timestamp,
        tell: &mut impl FnMut(Told<'_>) -> ControlFlow<()>,
    ) -> Result<BTreeSet<String>> {
        let mut unfinished = BTreeSet::new();
        let mut files: Vec<_> = list(&self.settings.folders.orders())?.into_iter().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|end| end == "json") && !is_hidden(path));
        files.sort();
        for path in files {
            let said = match self.obey(&path, clock()) {
                Ok(Obeyed::Done(said)) => said,
                Ok(Obeyed::Later(id, why)) => {
                    if let Some(why) = why {
                        // It is tried again, whether or not that can be told.
                        let _ = tell(Told::Stuck(&Stuck { entry: id.clone().into_bytes(), why }));
                    }
                    unfinished.insert(id);
                    continue;
                }
                Err(error) if self.broken || self.disk.ended() => return Err(error),
                Err(error) => {
                    let why = format!("{error:#}\n");
                    let refused = path.with_extension("refused");
                    self.disk.replace(&refused, why.as_bytes())?;
                    format!("the order {} is refused: {}", path.display(), why.trim_end())
                }
            };
            self.disk.remove_file(&path)?;
            self.disk.sync_folder(&self.settings.folders.orders())?;
            // The order is done, whether or not it can be told.
            let _ = tell(Told::Remark(&said));
        }
        Ok(unfinished)
    }

    fn obey(&mut self, path: &std::path::Path, now: Timestamp) -> Result<Obeyed> {
        let bytes = read_bounded(path, LONGEST)?;
        let event: Event = serde_json::from_slice(&bytes).context("not an order")?;
        let Event::Order { order: text, signer, signature, .. } = &event else { bail!("not an order") };
        let order = Order::read(text).context("not an order")?;
        let said = format!("{} has ordered to {} ({}): {}", order.by, order.deed.name(), order.id, order.why);
        match self.memory.order(&order.id) {
            // It was written down before a crash, signed and checked then.
            Some(known) => ensure!(*known == order_hash(text), "another order has its id ({})", order.id),
            None => {
                self.check_operator(&order, text, signer.as_deref(), signature.as_deref())?;
                self.check(&order.deed)?;
                self.write(&mut Entry::Event(event.clone()))?;
            }
        }
        match &order.deed {
            Deed::Release { outcome, folder, .. } => {
                if !self.pauses.is_over(order.id.as_bytes(), now) {
                    return Ok(Obeyed::Later(order.id, None));
                }
                let from = self.settings.folders.outcome(outcome.0).join(folder);
                match Item::take_back(&mut self.disk, &self.settings.folders, &order.id, &from) {
                    Err(error) if self.disk.ended() => return Err(error),
                    // The journal says that it is released, so it is not refused any more.
                    Err(error) => {
                        self.pauses.begin(order.id.as_bytes(), now);
                        return Ok(Obeyed::Later(order.id, Some(format!("{said}; it cannot be done now: {error:#}"))));
                    }
                    Ok(()) => self.pauses.end(order.id.as_bytes()),
                }
            }
            Deed::Compact => self.compact()?,
            Deed::Forbid { .. } | Deed::Invalidate { .. } | Deed::Forget { .. } => {}
        }
        Ok(Obeyed::Done(said))
    }

    /// Whether this order can be followed.
    fn check(&self, deed: &Deed) -> Result<()> {
        if let Deed::Release { outcome, folder, findings, .. } = deed {
            let from = self.settings.folders.outcome(outcome.0).join(folder);
            ensure!(is_there(&from)?, "{} is not there any more", from.display());
            ensure!(!outcome.0.approves(), "it goes on already");
            for name in findings {
                crate::memory::finding(name)?;
            }
        }
        if let Deed::Invalidate { manifest } = deed {
            let known = self.memory.lineage().parent(&digest(manifest)?) != Parent::Unknown;
            ensure!(
                known,
                "this object is not remembered (it was sealed ahead, or is forgotten): it would change nothing"
            );
        }
        Ok(())
    }

    /// If the drop knows operators, one of them must have signed the order under that name.
    fn check_operator(&self, order: &Order, text: &str, signer: Option<&str>, signature: Option<&str>) -> Result<()> {
        let Some(operators) = &self.settings.operators else { return Ok(()) };
        let (Some(signer), Some(signature)) = (signer, signature) else {
            bail!("it is not signed, and this drop asks for an operator's signature")
        };
        let key = operators.at(Timestamp::now()).key(signer, &order.by);
        let key = key.with_context(|| {
            format!("key '{}' is not bound to operator '{}'", signer.escape_debug(), order.by.escape_debug())
        })?;
        let mut bytes = [0; 64];
        hex::decode_to_slice(signature, &mut bytes).context("signature: not 128 hexadecimal digits")?;
        ensure!(Strict.verify(key.as_bytes(), &order_hash(text), &bytes), "its signature does not hold");
        Ok(())
    }

    /// Keeps what the memory needs, and puts the journal as it was aside.
    fn compact(&mut self) -> Result<()> {
        let (path, lines) = (self.settings.folders.journal(), self.journal.lines());
        let since = self.memory.lineage().complete_since();
        let before = (since != Instant::MIN).then_some((since.seconds, since.nanos));
        let begun = Entry::Event(Event::Begun { at: Timestamp::now(), before, lines, after: None });
        let aside = path.with_file_name(format!("journal-{lines}-{}.jsonl", Timestamp::now().as_second()));
        let (memory, mut shorter) = (&self.memory, Remembered::new()?);
        let needs = |entry: &Entry| memory.needs(entry);
        let take = |entry: Entry| shorter.take(&entry).context("the shorter journal contradicts itself");
        // Until it is in its place, nothing has changed.
        let new = self.journal.shorten(&mut self.disk, begun, needs, take, &aside);
        if new.is_err() && !self.disk.ended() {
            // It would take room that may be what is missing.
            let _ = self.disk.remove_file(&crate::journal::beside(&path));
        }
        let new = new?;
        self.broken = true;
        self.journal.replace(&mut self.disk, new)?;
        self.memory = shorter;
        self.broken = false;
        Ok(())
    }
}

/// What became of an order that is not refused.
enum Obeyed {
    /// It is done: what was ordered.
    Done(String),
    /// It is written down and waits, by its id: why, if it was tried now.
    Later(String, Option<String>),
}

fn is_hidden(path: &std::path::Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."))
}
