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
//! └─ lock                     one process only
//! ```
//!
//! **Who sends** an object is its notice's `from_agent`, if a notice is here and can be read; else the profile in its name.
//! That is what the envelope says. A key that KEYS.json binds to this sender must have sealed it.
//!
//! **Halves wait** for each other. What begins with a dot is somebody's unfinished file, and is passed over.
//!
//! **What is judged cannot change.** It is copied first, once, and the copies are judged and kept: a link or an open file in
//! the hands of a sender reaches the original alone. What is no regular file, or too long, is put into quarantine unread.
//! Nobody but the receiver may write to any folder but the inbox.
//!
//! **Whenever the process ends**, the next one goes on. A decision is in the journal, on the disk, before anything follows
//! from it, so no object is decided twice; what is under way lies in `work/ID`, whose shape says how far it is; nothing is
//! removed before its copy is on the disk.
//!
//! **What is held back**, in `triage` or `resync`, may be put back: move the files that begin with NAME into the inbox, and
//! the object is judged again, under a new ID.
//!
//! The memory grows with the number of objects that were ever proven to be somebody's.

mod disk;
mod dropbox;
mod folders;
mod inbox;
mod journal;
mod judge;
mod keys;
mod seal;
mod watch;
mod work;

pub use disk::{Step, Steps, Unhindered};
pub use dropbox::{Dropbox, Settings, Told};
pub use folders::Folders;
pub use inbox::{Half, Waiting, WaitsFor};
pub use journal::{Line, OutcomeName, Record};
pub use keys::{Binding, Keys};
pub use seal::{Sealed, Sealing, drop_into, key_of, new_key, parent_of};
pub use watch::{Manner, run};
pub use work::{Stuck, printable};
