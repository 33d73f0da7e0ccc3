//! A local file drop (`CEP §3.2`, `CEP §10`): objects come into an inbox with their sealed manifests, and each is moved to
//! its outcome's folder. For Unix.
//!
//! ```text
//! ROOT
//! ├─ inbox
//! │  ├─ NAME                  the object            NAME is its surface, or claims to be
//! │  ├─ NAME+notice.json      a notification, if there is one
//! │  └─ NAME+manifest.json    the outer object      written last
//! ├─ work
//! │  └─ ID                    under way
//! ├─ continue
//! │  └─ NAME+ID               decided: our copies, arrival.json, decision.json
//! ├─ fork, triage, resync, quarantine    likewise; a NAME that is no surface is left out of the path
//! ├─ journal.jsonl            every decision, and all that the lineage remembers
//! ├─ head                     how many lines the journal has, so that none is lost unnoticed
//! ├─ orders                   what people have decided, until it is done
//! └─ lock                     one process only
//! ```
//!
//! **Who sends** an object is whom KEYS.json binds the key to that its outer object names. A notice and a name are claims: where
//! they say otherwise, that is a finding.
//!
//! **Halves wait** for each other, and what looks unfinished waits for its end: a manifest that cannot be read, an object with
//! another digest. It is taken as it is when nothing of it has changed for the grace period. A sender that is sure not to be
//! overtaken writes under another name (one that begins with a dot, or ends with `.part`) and moves the file into place.
//!
//! A bundle of tibet-drop has its manifest inside, so none comes beside it: alone and unchanged for twelve grace periods, it is
//! decided about (`no-manifest`, with what it says of itself).
//!
//! **What is judged cannot change.** It is copied first, once, and the copies are judged and kept: a link or an open file in
//! the hands of a sender reaches the original alone. What is no regular file, or too long, is put into quarantine unread.
//! Only the receiver may write to any folder but the inbox. An inbox for several accounts has the mode 1733.
//!
//! **Whenever the process ends**, the next one goes on. A decision is in the journal, on the disk, before anything follows
//! from it, so no object is decided twice; what is under way lies in `work/ID`, whose shape says how far it is; nothing is
//! removed before its copy is on the disk. What goes wrong with one object is told and tried again, and the others go on.
//!
//! **What is held back** waits for a person: `dropbox review` says why, and what helps. An order to release it has that person's
//! name and reason, is in the journal like a decision, and has the object judged once more. It may also be put back: move the
//! files that begin with NAME into the inbox, and the object is judged again, under a new ID.
//!
//! The memory grows with the number of objects that were ever proven to be a sender's, until a person orders to forget.

mod across;
mod advice;
mod answer;
mod container;
mod disk;
mod dropbox;
mod entry;
mod fetch;
mod folders;
mod head;
mod inbox;
mod journal;
mod judge;
mod keys;
mod line;
mod lines;
mod memory;
mod order;
mod outbox;
mod pauses;
mod review;
mod ripe;
mod seal;
mod tibet;
mod watch;
mod work;

pub use answer::{ANSWER_SCHEMA, Answer, Answers, folder_of};
pub use container::Format;
pub use disk::{Step, Steps, Unhindered};
pub use dropbox::{Dropbox, Settings, Told};
pub use entry::{Deed, Entry, Event, Order, order_hash};
pub use fetch::{Bounds, BySession, Fetched, Fetcher, Limits, Scope, authorities, is_session};
pub use folders::Folders;
pub use inbox::{Half, Waiting, WaitsFor};
pub use keys::{Binding, KeyFile, Keys, KeysAt, check_name};
pub use line::{Begins, Line, OutcomeName, Record};
pub use outbox::{Outbox, Sent, answers_in, parent_text, parse_parent};
pub use review::{
    Obeyed, Operator, Status, find_decided, find_held, give, held, line_of, release, sealed_by, status, wait,
};
pub use seal::{
    Sealed, Sealing, Taken, drop_into, drop_with_notice, is_in, key_in_file, key_of, new_key, parent_of, read_notice,
};
pub use watch::{Ended, Manner, in_words, run};
pub use work::{Stuck, printable};
