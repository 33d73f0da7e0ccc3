//! The behaviour of the Internet Agent Communication Protocol (draft-gebauer-iacp-00) as deterministic step functions.
//!
//! Nothing here opens a socket, reads a clock, draws randomness or allocates. The caller brings datagrams, time, a
//! generator and memory; the machines say what the datagrams mean and what to send.
//!
//! | module | what it is |
//! |---|---|
//! | [`identity`] | keys of agents, and what they sign |
//! | [`discovery`] | search by topic, with proof of work |
//! | [`pss`] | sessions between two agents (Persistent State Sessions) |
//! | [`erp`] | the host: LL-Entity, addresses, moves (EID Routing Protocol) |
//! | [`directory`] | where agents are: records, quorums, the node |
//! | [`governance`] | accusations, votes, revocation, reputation |
//! | [`guard`] | limits for traffic |
//! | [`dhi`] | what a web site has for agents (Deterministic Hypermedia Interpreter) |
//! | [`crypto`] | the trait of all cryptography, and four providers |
//! | [`slots`], [`machine`], [`tables`], [`time`] | building blocks |
//!
//! **Session or LL-Entity?** One peer and one key: take [`pss::Session`] and [`pss::Responder`]. Several agents, sessions that go on
//! after a reset, moves, a directory: take [`erp::entity::LlEntity`], which contains them.
//!
//! All types are plain values: use one from one thread at a time. Nothing here is `async`; a task or a thread calls the
//! machines.
//!
//! # Two agents and a session
//!
//! ```
//! use iacp_core::crypto::Portable;
//! use iacp_core::identity::Identity;
//! use iacp_core::pss::{
//!     Admission, Replied, Capabilities, SessionEvent, Incoming, ContentKind, Received, Responder, Session, Settings, Signed,
//!     TRANSMIT_BUFFER, Terms,
//! };
//! use iacp_core::time::Mono;
//! # use rand_chacha::ChaCha8Rng;
//! # use rand_core::SeedableRng;
//!
//! // 4 KiB of encrypted frames that may be repeated, 8 frames under way in each direction: two of them, in place.
//! type Link = Session<Portable, 4096, 8>;
//! let (mut session, mut peer) = (Link::IDLE, Link::IDLE);
//!
//! # let mut rng = ChaCha8Rng::seed_from_u64(1); // the host's generator, in real life
//! let now = Mono(0);
//! let (alice_at, bob_at) = (([192, 0, 2, 1], 4227).into(), ([192, 0, 2, 2], 4227).into());
//! let (alice, bob) = (Identity::<Portable>::generate(&mut rng), Identity::<Portable>::generate(&mut rng));
//! let settings = Settings {
//!     capabilities: Capabilities::NONE,
//!     terms: Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 },
//! };
//! let mut responder = Responder::<64>::new(settings, now, &mut rng);
//! let mut buffer = [0; TRANSMIT_BUFFER];
//! fn signed(datagram: &mut [u8]) -> Option<Signed<'_>> {
//!     match Incoming::parse(datagram) {
//!         Ok(Incoming::Signed(signed)) => Some(signed),
//!         _ => None,
//!     }
//! }
//!
//! // PSS_INIT, PSS_NEG: the responder has nothing to remember.
//! session.initiate(now, &alice, bob.eid(), bob_at, Capabilities::NONE, &mut rng)?;
//! let mut init = session.poll_transmit(now, &mut buffer)?.ok_or("PSS_INIT is due")?.bytes.to_vec();
//! let init = signed(&mut init).ok_or("PSS_INIT is signed")?;
//! let admit = |_: &iacp_wire::Eid| Admission::Admit;
//! let Replied::Negotiate { length, .. } = responder.answer(now, &bob, alice_at, &init, admit, &mut buffer)? else {
//!     return Err("an honest initiator gets an answer".into());
//! };
//! let mut neg = buffer[..length].to_vec();
//! session.handle(now, &alice, bob_at, &mut neg);
//!
//! // PSS_ACK makes the responder's session; its heartbeat confirms the keys.
//! let mut ack = session.poll_transmit(now, &mut buffer)?.ok_or("PSS_ACK is due")?.bytes.to_vec();
//! let ack = signed(&mut ack).ok_or("PSS_ACK is signed")?;
//! let accepted = responder.accept(now, &bob, alice_at, &ack, &mut ()).ok().ok_or("cookie and signature hold")?;
//! peer.accept(now, &accepted)?;
//! let mut heartbeat = peer.poll_transmit(now, &mut buffer)?.ok_or("a heartbeat is due")?.bytes.to_vec();
//! session.handle(now, &alice, bob_at, &mut heartbeat);
//! assert_eq!(session.poll_event(), Some(SessionEvent::Established));
//!
//! // Data: sealed in the delta log, opened where it arrived.
//! session.send(now, ContentKind::Anml, b"hello")?;
//! let mut delivered = Vec::new();
//! while let Some(transmit) = session.poll_transmit(now, &mut buffer)? {
//!     let mut datagram = transmit.bytes.to_vec();
//!     if let Received::Data { content, .. } = peer.handle(now, &bob, alice_at, &mut datagram) {
//!         delivered.push(content.to_vec());
//!     }
//! }
//! assert_eq!(delivered, [b"hello"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A driver's loop is: give [`Session::handle`](pss::Session::handle) what arrived; after any call, ask
//! [`poll_event`](pss::Session::poll_event) for what has changed and [`poll_transmit`](pss::Session::poll_transmit) for
//! what to send, each until there is none; then sleep until [`next_deadline`](pss::Session::next_deadline) and call
//! [`handle_deadline`](pss::Session::handle_deadline). The program `examples/agent` does it over QUIC and UDP.
//!
//! To which machine a datagram goes: if [`Incoming::cookies`](pss::Incoming::cookies) belongs to a session, to that session. If not,
//! and it is a PSS_INIT or a PSS_ACK, to the [`Responder`](pss::Responder), which has its own deadline, too.
//!
//! # Moving and closing
//!
//! Nothing has to be done when the *peer* moves: [`SessionEvent::Moved`](pss::SessionEvent::Moved) tells of it, and
//! [`Transmit::to`](pss::Transmit::to) says where each datagram goes. When *this* side gets another address, it sends from there,
//! and [`Session::show`](pss::Session::show) makes that known at once. A transport that ended is told to
//! [`transport_lost`](pss::Session::transport_lost), and the next one to [`reconnect`](pss::Session::reconnect).
//!
//! A session ends in good order when both sides call [`close`](pss::Session::close): the one that wishes it, and the other after
//! [`SessionEvent::CloseRequested`](pss::SessionEvent::CloseRequested). What was sent is delivered first. Then both are told
//! [`SessionEvent::Closed`](pss::SessionEvent::Closed), and a minute later [`SessionEvent::Released`](pss::SessionEvent::Released): until then the session still
//! answers a peer that has not heard, so go on driving it, or begin the next one in its memory.
//!
//! ```
//! # use iacp_core::{crypto::Portable, identity::Identity, pss::*, time::Mono};
//! # use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
//! # type Link = Session<Portable, 4096, 8>;
//! # let mut rng = ChaCha8Rng::seed_from_u64(1);
//! # let mut now = Mono(0);
//! # let terms = Terms { dgk_rotation: 0, lifetime: 0, receive_window: 8 };
//! # let mut responder = Responder::<64>::new(Settings { capabilities: Capabilities::NONE, terms }, now, &mut rng);
//! # let mut at: [std::net::SocketAddr; 2] = [([192, 0, 2, 1], 4227).into(), ([192, 0, 2, 2], 4227).into()];
//! # let ids = [Identity::<Portable>::generate(&mut rng), Identity::<Portable>::generate(&mut rng)];
//! # let mut links = [Link::IDLE, Link::IDLE];
//! # let mut told: [Vec<SessionEvent>; 2] = [Vec::new(), Vec::new()];
//! links[0].initiate(now, &ids[0], ids[1].eid(), at[1], Capabilities::NONE, &mut rng)?;
//! let mut network: Vec<(std::net::SocketAddr, std::net::SocketAddr, Vec<u8>)> = Vec::new(); // from, to, bytes
//! for step in 0..60 {
//!     if step == 20 {
//!         at[0] = ([203, 0, 113, 7], 9_000).into(); // another network
//!         links[0].show(now);
//!     }
//!     if step == 40 {
//!         links[0].close(now, TeardownReason::TaskComplete)?;
//!     }
//!     for (from, to, mut datagram) in std::mem::take(&mut network) {
//!         let Some(side) = at.iter().position(|at| *at == to) else { continue };
//!         let mut buffer = [0; TRANSMIT_BUFFER];
//!         match Incoming::parse(&mut datagram) {
//!             Ok(Incoming::Signed(signed)) if side == 1 && links[1].is_over() => {
//!                 if let Ok(accepted) = responder.accept(now, &ids[1], from, &signed, &mut ()) {
//!                     links[1].accept(now, &accepted)?;
//!                 } else if let Ok(Replied::Negotiate { length, .. }) =
//!                     responder.answer(now, &ids[1], from, &signed, |_| Admission::Admit, &mut buffer)
//!                 {
//!                     network.push((to, from, buffer[..length].to_vec()));
//!                 }
//!             }
//!             Ok(incoming) => drop(links[side].take(now, &ids[side], from, incoming)),
//!             Err(_malformed) => {}
//!         }
//!     }
//!     for side in [0, 1] {
//!         links[side].handle_deadline(now, &ids[side], &mut rng)?;
//!         while let Some(event) = links[side].poll_event() {
//!             if let SessionEvent::CloseRequested { .. } = event {
//!                 links[side].close(now, TeardownReason::TaskComplete)?;
//!             }
//!             told[side].push(event);
//!         }
//!         let mut buffer = [0; TRANSMIT_BUFFER];
//!         while let Some(Transmit { bytes, to }) = links[side].poll_transmit(now, &mut buffer)? {
//!             network.push((at[side], to, bytes.to_vec()));
//!         }
//!     }
//!     now = now.after(10); // a driver sleeps until the earliest `next_deadline`, or a datagram
//! }
//! assert!(told[1].contains(&SessionEvent::Moved { to: at[0] }));
//! assert!(told.iter().all(|told| told.contains(&SessionEvent::Closed(Closure::Graceful))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `aes` (default) | the provider `crypto::Portable`, with AES-256-GCM in software. Without it, `crypto::ChaChaOnly` remains, and no AES is linked |
//! | `answers` (default) | sessions that peers open. Without it agents only open sessions themselves |
//! | `endpoints` (default) | endpoints of agents, rights to them, their groups and keys |
//! | `directory` (default) | a host with a directory. Without the feature every host works as if made with [`without_directory`](erp::entity::HostSettings::without_directory) |
//! | `names` (default) | a parse error names the field. Without it there are the reason and the byte |
//! | `registry` (default) | messages beside those between agents are read: of [`discovery`], of directories and spaces, of agents in other processes |
//! | `resume` (default) | sessions that go on after a memory was lost, and receipts of those that ended |
//! | `roaming` (default) | three paths, derivatives for a sandbox, contexts that go from host to host |
//! | `aws-lc` | the provider `crypto::AwsLc`, for hosts; with `aes` |
//! | `small-ed25519` | Ed25519 and X25519 in 29 KB instead of 98, for slower signatures |
//! | `defmt` | `defmt::Format` on states, events and errors |
//!
//! AES and SHA-256 in software have small code paths too, by the flags `--cfg aes_backend_soft="compact"` and
//! `--cfg sha2_backend_soft="compact"` of the whole build. ARCHITECTURE.md has what each of them takes.
#![no_std]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::unreachable))]

#[macro_use]
mod words;

pub mod crypto;
pub mod dhi;
pub mod directory;
pub mod discovery;
pub mod erp;
pub mod governance;
pub mod guard;
pub mod identity;
pub mod machine;
pub mod pss;
pub mod scope;
pub mod slots;
pub mod tables;
pub mod time;

// The examples of the README compile and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
