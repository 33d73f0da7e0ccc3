//! Writes seeds and dictionaries where a fuzzer looks for them.

use std::path::Path;
use std::{env, fs, io};

use fuzzing::TARGETS;

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1) else {
        return Err(io::Error::other(
            "usage: fuzzing FOLDER (writes FOLDER/corpus/TARGET/* and FOLDER/dict/TARGET.dict)",
        ));
    };
    let folder = Path::new(&folder);
    for target in TARGETS {
        let (name, seeds, words) = (target.name, (target.seeds)(), (target.words)());
        let corpus = folder.join("corpus").join(name);
        fs::create_dir_all(&corpus)?;
        for (name, bytes) in &seeds {
            fs::write(corpus.join(name), bytes)?;
        }
        if !words.is_empty() {
            let dictionaries = folder.join("dict");
            fs::create_dir_all(&dictionaries)?;
            let line = |(name, bytes): &(String, Vec<u8>)| {
                let bytes: String = bytes.iter().map(|byte| format!("\\x{byte:02X}")).collect();
                format!("# {name}\n\"{bytes}\"\n")
            };
            fs::write(dictionaries.join(name).with_extension("dict"), words.iter().map(line).collect::<String>())?;
        }
        println!("{name}: {} seeds, {} words", seeds.len(), words.len());
    }
    Ok(())
}
