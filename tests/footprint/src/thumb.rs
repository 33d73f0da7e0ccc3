//! Frames and calls of Thumb-2 code, read from its instructions: what the compiler does not tell on stable.

use object::read::elf::ElfFile32;
use object::{Endianness, Object, ObjectSection, ObjectSymbol, SymbolKind};
use std::collections::{BTreeMap, BTreeSet};

/// A function of the image.
#[derive(Debug, Default)]
pub struct Function {
    /// Its name, demangled, without the hash.
    pub name: String,
    /// Bytes of code and the constants between.
    pub size: u32,
    /// Bytes that it takes off the stack pointer: registers that it saves, and its own.
    pub frame: u32,
    /// Entries of the functions that it calls while its frame stands, or whose address it loads: for several calls of
    /// one function the compiler loads the address, which is shorter.
    pub calls: BTreeSet<u32>,
    /// Entries of the functions that it jumps to when its frame is gone.
    pub jumps: BTreeSet<u32>,
    /// Those of its calls of which only the address was seen: any odd number looks like one.
    pub loaded: BTreeSet<u32>,
    /// It calls what is in a register.
    pub is_indirect: bool,
}

impl Function {
    /// Whether it calls or jumps there. A number that it loads is no address as long as it calls nothing by one.
    fn reaches(&self, entry: u32) -> bool {
        self.jumps.contains(&entry)
            || self.calls.contains(&entry) && (self.is_indirect || !self.loaded.contains(&entry))
    }
}

/// All functions of the image, by the address of their entry.
pub struct Code(BTreeMap<u32, Function>);

/// The way of calls that takes most of the stack.
#[derive(Debug)]
pub struct Chain {
    /// Bytes, of all its frames.
    pub bytes: u32,
    /// Name and frame of each function, from the outermost to the innermost.
    pub frames: Vec<(String, u32)>,
}

impl Code {
    /// Reads all functions.
    ///
    /// # Errors
    /// The file is malformed.
    pub fn read(file: &ElfFile32<'_, Endianness>) -> object::Result<Self> {
        let mut functions = BTreeMap::<u32, Function>::new();
        let mut data = BTreeMap::new();
        for symbol in file.symbols() {
            let (name, address) = (symbol.name()?, low(symbol.address()));
            match name.get(..2) {
                Some("$d") => drop(data.insert(address, true)),
                Some("$t") => drop(data.insert(address, false)),
                _ if symbol.kind() == SymbolKind::Text && symbol.size() > 0 => {
                    let function = functions.entry(address & !1).or_default();
                    function.name = format!("{:#}", rustc_demangle::demangle(name));
                    function.size = low(symbol.size());
                }
                _ => {}
            }
        }
        for section in file.sections().filter(|section| section.kind() == object::SectionKind::Text) {
            let (start, bytes) = (low(section.address()), section.data()?);
            let halfwords: Vec<u16> =
                bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
            for (&entry, function) in &mut functions {
                let Some(offset) = entry.checked_sub(start).filter(|&offset| (offset as usize) < bytes.len()) else {
                    continue;
                };
                let first = offset as usize / 2;
                let last = (first + function.size as usize / 2).min(halfwords.len());
                let is_data = |at: u32| data.range(..=at).next_back().is_some_and(|(_, &is_data)| is_data);
                function.scan(entry, &halfwords[first..last], is_data);
            }
        }
        Ok(Self(functions))
    }

    /// The functions with the largest frames.
    pub fn largest(&self, number: usize) -> Vec<&Function> {
        let mut all: Vec<_> = self.0.values().collect();
        all.sort_by_key(|function| std::cmp::Reverse(function.frame));
        all.truncate(number);
        all
    }

    /// All functions.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.0.values()
    }

    /// The deepest chain from the functions whose name ends in this. A cycle of calls counts once.
    #[must_use]
    pub fn deepest(&self, name: &str) -> Option<Chain> {
        let mut known = BTreeMap::new();
        let entries = self.0.iter().filter(|(_, function)| function.name.ends_with(name)).map(|(&entry, _)| entry);
        let (bytes, entry) = entries.map(|entry| (self.depth(entry, &mut known), entry)).max()?;
        let (mut frames, mut at) = (Vec::new(), Some(entry));
        while let Some((entry, function)) = at.and_then(|entry| Some((entry, self.0.get(&entry)?))) {
            let way = known.remove(&entry).unwrap_or_default();
            frames.push((function.name.clone(), if way.is_jump { 0 } else { function.frame }));
            at = way.next.filter(|next| known.contains_key(next));
        }
        Some(Chain { bytes, frames })
    }

    /// What is called from the functions whose name `is_root` accepts, by whatever way, and is accepted by `is_end`: the
    /// names of the callers and of what they call. What is behind an end is not looked at.
    ///
    /// Where the compiler has put the call into a function that several share, those that share it are the callers.
    #[must_use]
    pub fn calls(&self, is_root: impl Fn(&str) -> bool, is_end: impl Fn(&str) -> bool) -> BTreeSet<(&str, &str)> {
        let next = |function: &Function| function.calls.iter().chain(&function.jumps).copied().collect::<Vec<_>>();
        let named = self.0.iter().filter(|(_, function)| is_end(&function.name)).map(|(&entry, _)| entry);
        let mut ends: BTreeSet<u32> = named.collect();
        loop {
            let shared = |(_, function): &(&u32, &Function)| {
                function.name.starts_with("OUTLINED_FUNCTION") && next(function).iter().any(|at| ends.contains(at))
            };
            let more: Vec<u32> = self.0.iter().filter(shared).map(|(&entry, _)| entry).collect();
            let before = ends.len();
            ends.extend(more);
            if ends.len() == before {
                break;
            }
        }
        let roots = self.0.iter().filter(|(_, function)| is_root(&function.name)).map(|(&entry, _)| entry);
        let (mut waiting, mut seen, mut found) = (roots.collect::<Vec<_>>(), BTreeSet::new(), BTreeSet::new());
        while let Some(entry) = waiting.pop() {
            let Some(caller) = self.0.get(&entry).filter(|_| seen.insert(entry)) else { continue };
            for at in next(caller) {
                match self.0.get(&at) {
                    Some(_) if ends.contains(&at) && !caller.reaches(at) => {}
                    Some(callee) if ends.contains(&at) => drop(found.insert((&*caller.name, &*callee.name))),
                    Some(_) => waiting.push(at),
                    None => {}
                }
            }
        }
        found
    }

    fn depth(&self, entry: u32, known: &mut BTreeMap<u32, Way>) -> u32 {
        if let Some(way) = known.get(&entry) {
            return way.depth;
        }
        let Some(function) = self.0.get(&entry) else { return 0 };
        // A call that comes back here adds nothing.
        known.insert(entry, Way::default());
        let mut way = Way { depth: function.frame, ..Way::default() };
        for (callees, frame, is_jump) in [(&function.calls, function.frame, false), (&function.jumps, 0, true)] {
            for &next in callees {
                let depth = frame + self.depth(next, known);
                if depth > way.depth {
                    way = Way { depth, next: Some(next), is_jump };
                }
            }
        }
        known.insert(entry, way);
        way.depth
    }
}

/// The deepest way on from a function.
#[derive(Clone, Copy, Debug, Default)]
struct Way {
    depth: u32,
    next: Option<u32>,
    /// It is jumped to when the function's own frame is gone.
    is_jump: bool,
}

/// Addresses of a 32-bit file.
fn low(address: u64) -> u32 {
    u32::try_from(address).unwrap_or(u32::MAX)
}

/// What an instruction does to the stack pointer or to the flow of control.
#[derive(Debug, PartialEq, Eq)]
enum Effect {
    None,
    /// The stack pointer goes down by this.
    Takes(u32),
    /// By what is in a register.
    TakesRegister(u16),
    /// A register gets this value, in its lower half or in its upper.
    Constant(u16, u32, bool),
    /// A register gets the word at this distance from the instruction's address, which is taken to a multiple of 4.
    Literal(u16, u32),
    /// By what is in a register, which is below zero where a frame begins.
    Adds(u16),
    /// To this distance from the instruction's address.
    Call(i32),
    CallRegister,
    Jump(i32),
}

impl Function {
    fn scan(&mut self, entry: u32, code: &[u16], is_data: impl Fn(u32) -> bool) {
        let mut registers = [0_u32; 16];
        let (mut at, mut rest) = (entry, code);
        let mut called = BTreeSet::new();
        while let [first, tail @ ..] = rest {
            let is_wide = first >> 11 >= 0b11101;
            let here = at;
            let effect = match tail {
                // Constants are known where they are loaded: a table of jumps beside them is none.
                _ if is_data(at) => {
                    (at, rest) = (at + 2, tail);
                    continue;
                }
                [second, after @ ..] if is_wide => {
                    (at, rest) = (at + 4, after);
                    wide(*first, *second)
                }
                _ => {
                    (at, rest) = (at + 2, tail);
                    narrow(*first)
                }
            };
            let target = |offset: i32| here.wrapping_add(4).wrapping_add_signed(offset);
            match effect {
                Effect::None => {}
                Effect::Takes(bytes) => self.frame += bytes,
                Effect::TakesRegister(register) => self.frame += registers[usize::from(register & 15)],
                Effect::Constant(register, value, is_upper) => {
                    let register = &mut registers[usize::from(register & 15)];
                    *register = if is_upper { (*register & 0xffff) | value << 16 } else { value };
                    let value = *register;
                    self.knows(value);
                }
                Effect::Literal(register, offset) => {
                    let at = (((here + 4) & !3) + offset).checked_sub(entry).map(|distance| distance as usize / 2);
                    if let Some([low, high]) = at.and_then(|at| code.get(at..at + 2)) {
                        let value = u32::from(*high) << 16 | u32::from(*low);
                        registers[usize::from(register & 15)] = value;
                        self.knows(value);
                    }
                }
                Effect::Adds(register) => {
                    let value = registers[usize::from(register & 15)].cast_signed();
                    self.frame += value.min(0).unsigned_abs();
                }
                Effect::Call(offset) => {
                    self.calls.insert(target(offset));
                    called.insert(target(offset));
                }
                Effect::CallRegister => self.is_indirect = true,
                Effect::Jump(offset) => {
                    let target = target(offset);
                    if target < entry || target >= entry + self.size {
                        self.jumps.insert(target);
                    }
                }
            }
        }
        self.loaded.retain(|entry| !called.contains(entry));
    }

    /// The lowest bit of a function's address marks its code as Thumb. An address that is not of a function has no
    /// depth.
    fn knows(&mut self, constant: u32) {
        if constant & 1 == 1 {
            self.calls.insert(constant & !1);
            self.loaded.insert(constant & !1);
        }
    }
}

/// A number of this many bits, in two's complement.
fn signed(value: u32, bits: u32) -> i32 {
    (value << (32 - bits)).cast_signed() >> (32 - bits)
}

/// Instructions of 16 bits (Armv7-M Architecture Reference Manual, A5.2).
fn narrow(code: u16) -> Effect {
    let low = u32::from(code & 0xff);
    match code >> 8 {
        0xb4 | 0xb5 => Effect::Takes(4 * (low.count_ones() + u32::from(code >> 8 & 1))),
        0xb0 if code & 0x80 != 0 => Effect::Takes(4 * (low & 0x7f)),
        // LDR of a literal, ADD SP: how a Cortex-M0 takes a large frame.
        0x48..=0x4f => Effect::Literal(code >> 8 & 7, low << 2),
        0x44 if code & 0x87 == 0x85 => Effect::Adds(code >> 3 & 15),
        // BLX and BX of a register; BX LR returns.
        0x47 if code & 0x7f != 0x70 => Effect::CallRegister,
        0xd0..=0xdd => Effect::Jump(signed(low << 1, 9)),
        0xe0..=0xe7 => Effect::Jump(signed(u32::from(code & 0x7ff) << 1, 12)),
        _ => Effect::None,
    }
}

/// Instructions of 32 bits (A5.3).
fn wide(first: u16, second: u16) -> Effect {
    let (high, low) = (u32::from(first), u32::from(second));
    let immediate = (high >> 10 & 1) << 11 | (low >> 12 & 7) << 8 | low & 0xff;
    let register = second >> 8 & 15;
    match first {
        // STMDB sp!, which is PUSH; VPUSH; STR and STRD with the stack pointer moved before.
        0xe92d => Effect::Takes(4 * low.count_ones()),
        0xed2d | 0xed6d => Effect::Takes(4 * (low & 0xff)),
        0xf84d if low & 0xf00 == 0xd00 => Effect::Takes(low & 0xff),
        0xe96d => Effect::Takes(4 * (low & 0xff)),
        // SUB sp, sp: a modified constant, a plain one, a register.
        0xf1ad | 0xf5ad if register == 13 => Effect::Takes(modified(immediate)),
        0xf2ad | 0xf6ad if register == 13 => Effect::Takes(immediate),
        0xebad if register == 13 => Effect::TakesRegister(second & 15),
        // BFC of the lowest bits: a stack pointer of 8 aligned bytes is aligned to more. Used for a number, it adds too much.
        0xf36f if low & 0x70c0 == 0 && (3..6).contains(&(low & 31)) => Effect::Takes((2 << (low & 31)) - 8),
        // MOV.W with a modified constant, MOVW, MOVT.
        0xf04f | 0xf44f => Effect::Constant(register, modified(immediate), false),
        _ if first & 0xfbf0 == 0xf240 => Effect::Constant(register, (high & 15) << 12 | immediate, false),
        _ if first & 0xfbf0 == 0xf2c0 => Effect::Constant(register, (high & 15) << 12 | immediate, true),
        // LDR.W of a literal behind it.
        0xf8df => Effect::Literal(second >> 12, low & 0xfff),
        _ if first & 0xf800 == 0xf000 && low & 0x8000 != 0 => branch(high, low),
        _ => Effect::None,
    }
}

/// BL and the two kinds of B.W.
fn branch(high: u32, low: u32) -> Effect {
    let sign = high >> 10 & 1;
    let (j1, j2) = (low >> 13 & 1, low >> 11 & 1);
    if low & 0x1000 == 0 {
        let is_condition = high >> 7 & 7 != 7;
        let offset = sign << 20 | j2 << 19 | j1 << 18 | (high & 0x3f) << 12 | (low & 0x7ff) << 1;
        return if low & 0x4000 == 0 && is_condition { Effect::Jump(signed(offset, 21)) } else { Effect::None };
    }
    let (i1, i2) = (!(j1 ^ sign) & 1, !(j2 ^ sign) & 1);
    let offset = signed(sign << 24 | i1 << 23 | i2 << 22 | (high & 0x3ff) << 12 | (low & 0x7ff) << 1, 25);
    if low & 0x4000 == 0 { Effect::Jump(offset) } else { Effect::Call(offset) }
}

/// A modified constant (A5.3.2).
fn modified(immediate: u32) -> u32 {
    let byte = immediate & 0xff;
    match immediate >> 8 & 15 {
        0 => byte,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte * 0x0101_0101,
        _ => (byte | 0x80).rotate_right(immediate >> 7 & 31),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Encodings from an assembler.
    #[test]
    fn instructions_are_read_as_the_manual_says() {
        assert_eq!(narrow(0xb5f0), Effect::Takes(20)); // push {r4-r7, lr}
        assert_eq!(narrow(0xb09d), Effect::Takes(116)); // sub sp, #116
        assert_eq!(narrow(0x4798), Effect::CallRegister); // blx r3
        assert_eq!(narrow(0x4770), Effect::None); // bx lr
        assert_eq!(narrow(0x4c02), Effect::Literal(4, 8)); // ldr r4, [pc, #8]
        assert_eq!(narrow(0x44a5), Effect::Adds(4)); // add sp, r4
        assert_eq!(narrow(0xe7fe), Effect::Jump(-4)); // b .
        assert_eq!(wide(0xe92d, 0x4ff0), Effect::Takes(36)); // push.w {r4-r11, lr}
        assert_eq!(wide(0xf84d, 0xbd04), Effect::Takes(4)); // push.w {r11}
        assert_eq!(wide(0xed2d, 0x8b04), Effect::Takes(16)); // vpush {d8, d9}
        assert_eq!(wide(0xf5ad, 0x5d80), Effect::Takes(4096)); // sub.w sp, sp, #4096
        assert_eq!(wide(0xf2ad, 0x4d0c), Effect::Takes(1036)); // subw sp, sp, #1036
        assert_eq!(wide(0xebad, 0x0d0c), Effect::TakesRegister(12)); // sub.w sp, sp, r12
        assert_eq!(wide(0xf36f, 0x0403), Effect::Takes(8)); // bfc r4, #0, #4
        assert_eq!(wide(0xf241, 0x2c34), Effect::Constant(12, 0x1234, false)); // movw r12, #0x1234
        assert_eq!(wide(0xf7ff, 0xfffe), Effect::Call(-4)); // bl .
        assert_eq!(wide(0xf000, 0xb800), Effect::Jump(0)); // b.w .+4
    }

    #[test]
    fn the_deepest_chain_is_the_one_with_the_most_bytes() {
        let function = |name: &str, frame, calls: &[u32], jumps: &[u32]| Function {
            name: name.to_owned(),
            frame,
            calls: calls.iter().copied().collect(),
            jumps: jumps.iter().copied().collect(),
            ..Function::default()
        };
        let code = Code(BTreeMap::from([
            (0, function("root", 8, &[2, 4], &[])),
            (2, function("wide", 100, &[], &[])),
            (4, function("long", 60, &[6, 0], &[])),
            (6, function("hop", 16, &[], &[8])),
            (8, function("end", 50, &[], &[])),
        ]));
        let chain = code.deepest("root").expect("it is there");
        assert_eq!(chain.bytes, 8 + 60 + 50);
        let names: Vec<_> = chain.frames.iter().map(|(name, frame)| (name.as_str(), *frame)).collect();
        assert_eq!(names, [("root", 8), ("long", 60), ("hop", 0), ("end", 50)]);
        assert!(code.deepest("absent").is_none());
        let calls = |root, end| code.calls(|name| name == root, |name| name == end);
        assert_eq!(calls("root", "end"), BTreeSet::from([("hop", "end")]));
        assert_eq!(calls("root", "hop"), BTreeSet::from([("long", "hop")]));
        assert!(calls("wide", "end").is_empty());
        let outlined = Code(BTreeMap::from([
            (0, function("root", 8, &[2], &[])),
            (2, function("OUTLINED_FUNCTION_1", 0, &[], &[4])),
            (4, function("end", 0, &[], &[])),
        ]));
        let calls = outlined.calls(|name| name == "root", |name| name == "end");
        assert_eq!(calls, BTreeSet::from([("root", "OUTLINED_FUNCTION_1")]));
    }
}
