//! The memory of sessions: how much there is of it, and how a session is made in it.

use std::thread;

use anyhow::{Context, Result, anyhow};
use iacp_core::pss::{Congestion, Flight, Session};

use crate::carrier::link::FRAME_LIMIT;
use crate::keys::Crypto;

/// Frames that may be under way in one direction: 4.9 MB, which is 50 ms at 780 Mbit/s. It is also the most that a heartbeat can
/// acknowledge above the lowest missing frame.
pub const FRAMES: usize = 4_096;
/// The same, as the receive window of the terms.
pub const WINDOW: u32 = 4_096;
const _: () = assert!(WINDOW as usize == FRAMES);

/// A session of this program: `LOG` bytes of sealed frames that are not acknowledged, and the congestion control `C`.
pub type Link<const LOG: usize, C> = Session<Crypto, LOG, FRAMES, C>;

/// A session that sends a file. Its log holds a whole window of the longest frames.
pub type Sending<C> = Link<{ 5 << 20 }, C>;
const _: () = assert!(FRAMES * FRAME_LIMIT <= 5 << 20);

/// A session that receives one. What it sends itself is an answer, or an object that was asked for: some 50 frames at a time.
pub type Receiving = Link<{ 64 << 10 }, Flight>;
const _: () = assert!(size_of::<Receiving>() < 512 << 10);

/// Memory for a session, on the heap.
///
/// A value that large must not pass over the stack of a thread that is not made for it, and without optimisation
/// `Box::new` moves it there several times. So it is boxed by a thread whose stack is large enough for that. The memory
/// may be used for one session after another.
///
/// # Errors
/// The system has no memory, or no thread.
pub fn lend<const LOG: usize, C>() -> Result<Box<Link<LOG, C>>>
where
    C: Congestion + Send + 'static,
    C::Stamp: Send,
{
    // An unoptimised build has three copies at once: the constant's, the argument's and the returned one's.
    let stack = 4 * size_of::<Link<LOG, C>>() + (256 << 10);
    let thread = thread::Builder::new().name("memory".into()).stack_size(stack);
    let boxing = thread.spawn(|| Box::new(Link::<LOG, C>::IDLE)).context("no memory for a session")?;
    boxing.join().map_err(|_| anyhow!("no memory for a session"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::carried::Carried;

    #[test]
    fn a_session_of_megabytes_is_made_by_a_thread_with_a_small_stack() {
        const { assert!(size_of::<Sending<Carried>>() > 5 << 20) };
        let small = thread::Builder::new().stack_size(128 << 10);
        let made = small.spawn(|| {
            let (sending, receiving) = (lend::<{ 5 << 20 }, Carried>()?, lend::<{ 64 << 10 }, Flight>()?);
            anyhow::Ok((sending.is_over(), receiving.is_over()))
        });
        assert_eq!(made.expect("a thread").join().expect("it does not overflow").expect("memory"), (true, true));
    }
}
