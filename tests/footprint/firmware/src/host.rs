//! Datagrams to and from the host: hexadecimal on its standard output, bytes on its standard input.

use cortex_m_semihosting::{nr, syscall};

use crate::report::{Report, fail};

/// The longest datagram, in bytes.
pub const LONGEST: usize = 1_200;

/// One datagram on its way.
pub struct Datagram {
    pub bytes: [u8; LONGEST],
    pub length: usize,
}

impl Datagram {
    pub const EMPTY: Self = Self { bytes: [0; LONGEST], length: 0 };

    pub fn bytes(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }
}

/// The host's standard input.
pub struct Host(usize);

impl Host {
    #[inline(never)]
    pub fn open() -> Self {
        const NAME: &[u8] = b":tt\0";
        // SAFETY: the call reads the name, whose length is without its zero.
        let file = unsafe { syscall!(OPEN, NAME.as_ptr(), nr::open::R, NAME.len() - 1) };
        if file == usize::MAX { fail("no standard input") } else { Self(file) }
    }

    /// Requests a datagram; returns the peer that it is from, or nothing.
    #[inline(never)]
    pub fn ask(&mut self, report: &mut Report, now: u64, datagram: &mut Datagram) -> Option<usize> {
        report.line(&["await"], &[now as u32]);
        let mut head = [0; 3];
        self.read(&mut head);
        let [peer, low, high] = head;
        datagram.length = usize::from(u16::from_le_bytes([low, high]));
        if datagram.length > LONGEST {
            fail("the host sends too much");
        }
        self.read(datagram.bytes());
        (datagram.length > 0).then_some(usize::from(peer))
    }

    fn read(&mut self, mut room: &mut [u8]) {
        while !room.is_empty() {
            // SAFETY: the call writes at most as many bytes as there is room for.
            let missing = unsafe { syscall!(READ, self.0, room.as_mut_ptr(), room.len()) };
            if missing >= room.len() {
                fail("the host is gone");
            }
            let read = room.len() - missing;
            room = room.get_mut(read..).unwrap_or_default();
        }
    }
}

/// Writes a line that ends in bytes.
#[allow(dead_code, reason = "not every program sends datagrams")]
#[inline(never)]
pub fn tell(report: &mut Report, word: &str, peer: usize, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    report.write(word.as_bytes());
    report.write(if peer == 0 { b" 0 " } else { b" 1 " });
    let mut text = [0; 64];
    for part in bytes.chunks(text.len() / 2) {
        for (pair, byte) in text.chunks_exact_mut(2).zip(part) {
            pair.copy_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
        }
        report.write(text.get(..2 * part.len()).unwrap_or_default());
    }
    report.write(b"\n");
}
