//! What outlives a reset. **A product has flash here**, written so that a cut leaves the old or the new. Here it is memory
//! that the start-up code does not clear, and that the emulated board keeps over a reset, as one with a battery does.

use core::mem::MaybeUninit;
use core::ptr::{addr_of_mut, read_volatile, with_exposed_provenance, write_volatile};

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};
use iacp_core::crypto::Secret32;
use iacp_core::erp::resume::ResumeRecord;
use iacp_wire::Eid;

/// The page of flash that the maker of the device has written: a key for the generator, the gateway's EID, and the seed of the key
/// that seals envelopes.
const PAGE: usize = 0x003f_f000;

pub struct Provisioned {
    pub key: [u8; 32],
    pub gateway: Eid,
    pub sealing: Secret32,
}

pub fn provisioned() -> Provisioned {
    let read = |offset: usize| {
        let mut part = [0; 32];
        // SAFETY: 96 bytes of this board's flash, which nothing writes; `memory.x` keeps the program out of them.
        unsafe { copy_in(with_exposed_provenance(PAGE + offset), &mut part) };
        part
    };
    Provisioned { key: read(0), gateway: Eid(read(32)), sealing: Secret32::new(read(64)) }
}

/// Byte by byte: one volatile access of a whole array would be written out for each byte of it, which is kilobytes of code.
///
/// # Safety
/// As many bytes as `to` has can be read there.
unsafe fn copy_in(from: *const u8, to: &mut [u8]) {
    for (offset, byte) in to.iter_mut().enumerate() {
        // SAFETY: the caller's.
        *byte = unsafe { read_volatile(from.add(offset)) };
    }
}

/// What is kept.
pub struct Retained {
    /// How often the node has started: the stream of its generator.
    pub boots: u32,
    /// The seed of its EID, once it has one.
    pub seed: Option<Secret32>,
    /// Every generation below it may have been signed.
    pub bound: u64,
    /// With it a session goes on where the last one broke off. Zeros name no line.
    pub record: [u8; ResumeRecord::LEN],
    /// All items below it are with the gateway.
    pub safe: u64,
    /// The batch that was sealed last, its manifest's digest, and the digest of the one before.
    pub sealed: (u64, [[u8; 32]; 2]),
}

/// Starts 4, whether there is an agent 4, its seed 32, bound 8, record 56, safe 8, the batch 8, two digests 64, and a CRC.
const FIELDS: usize = 4 + 4 + 32 + 8 + ResumeRecord::LEN + 8 + 8 + 64;
const KEPT: usize = FIELDS + 4;
static CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

#[unsafe(link_section = ".uninit.retained")]
static mut BYTES: MaybeUninit<[u8; KEPT]> = MaybeUninit::uninit();

/// What was kept over the reset, or nothing at the first start; this start is counted before anything is drawn.
#[inline(never)]
pub fn load() -> Retained {
    let mut bytes = [0; KEPT];
    // SAFETY: the program has one thread, and no interrupt touches these bytes. Whatever the memory held is a value of theirs.
    unsafe { copy_in(addr_of_mut!(BYTES).cast(), &mut bytes) };
    let mut retained = read(&bytes).unwrap_or(Retained {
        boots: 0,
        seed: None,
        bound: 0,
        record: [0; ResumeRecord::LEN],
        safe: 0,
        sealed: (0, [[0; 32]; 2]),
    });
    retained.boots = retained.boots.wrapping_add(1);
    retained.store();
    retained
}

fn read(bytes: &[u8; KEPT]) -> Option<Retained> {
    let (fields, check) = bytes.split_last_chunk::<4>()?;
    if CRC.checksum(fields) != u32::from_le_bytes(*check) {
        return None;
    }
    let (boots, rest) = fields.split_first_chunk()?;
    let (has_agent, rest) = rest.split_first_chunk()?;
    let (seed, rest) = rest.split_first_chunk::<32>()?;
    let (bound, rest) = rest.split_first_chunk()?;
    let (record, rest) = rest.split_first_chunk()?;
    let (safe, rest) = rest.split_first_chunk()?;
    let (batch, rest) = rest.split_first_chunk()?;
    let (last, before) = rest.split_first_chunk()?;
    Some(Retained {
        boots: u32::from_le_bytes(*boots),
        seed: (u32::from_le_bytes(*has_agent) != 0).then(|| Secret32::new(*seed)),
        bound: u64::from_le_bytes(*bound),
        record: *record,
        safe: u64::from_le_bytes(*safe),
        sealed: (u64::from_le_bytes(*batch), [*last, *before.first_chunk()?]),
    })
}

impl Retained {
    pub fn store(&self) {
        let seed = self.seed.as_ref().map_or([0; 32], |seed| *seed.expose());
        let mut bytes = [0; KEPT];
        let (fields, check) = bytes.split_at_mut(FIELDS);
        let (batch, digests) = &self.sealed;
        let parts: [&[u8]; 8] = [
            &self.boots.to_le_bytes(),
            &u32::from(self.seed.is_some()).to_le_bytes(),
            &seed,
            &self.bound.to_le_bytes(),
            &self.record,
            &self.safe.to_le_bytes(),
            &batch.to_le_bytes(),
            digests.as_flattened(),
        ];
        let mut rest = fields.iter_mut();
        for part in parts {
            part.iter().zip(&mut rest).for_each(|(from, to)| *to = *from);
        }
        check.copy_from_slice(&CRC.checksum(fields).to_le_bytes());
        let start = addr_of_mut!(BYTES).cast::<u8>();
        for (offset, byte) in bytes.iter().enumerate() {
            // SAFETY: as in `load`.
            unsafe { write_volatile(start.add(offset), *byte) };
        }
    }
}
