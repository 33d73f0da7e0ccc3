//! What the firmware takes of the board, from its ELF file, and what it may take.

use std::fmt;

use anyhow::{Context, Result};
use object::read::elf::{ElfFile32, FileHeader, ProgramHeader};
use object::{Endianness, elf};

/// It may not grow beyond these, in bytes: 128 KiB and 16 KiB.
const FLASH: u32 = 131_072;
const VARIABLES: u32 = 16_384;
/// Where the RAM of the board begins.
const RAM: u32 = 0x2000_0000;

pub struct Image {
    /// Code, constants, and the initial values of variables.
    flash: u32,
    /// Variables, without the stack.
    variables: u32,
}

impl Image {
    /// # Errors
    /// It is no ELF file of 32 bits.
    pub fn read(program: &[u8]) -> Result<Self> {
        let file = ElfFile32::<Endianness>::parse(program).context("the firmware is no ELF file")?;
        let (endian, mut image) = (file.endian(), Self { flash: 0, variables: 0 });
        for segment in file.elf_header().program_headers(endian, program)? {
            if segment.p_type(endian) == elf::PT_LOAD {
                image.flash += segment.p_filesz(endian);
                if segment.p_vaddr(endian) >= RAM {
                    image.variables += segment.p_memsz(endian);
                }
            }
        }
        Ok(image)
    }

    pub const fn is_within(&self) -> bool {
        self.flash <= FLASH && self.variables <= VARIABLES
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { flash, variables } = self;
        write!(f, "the firmware takes {flash} of {FLASH} bytes of flash, and {variables} of {VARIABLES} of variables")
    }
}
