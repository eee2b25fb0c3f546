//! Every training that the command does with its defaults, and a few with many options: the bits of the weights are
//! those in `tests/golden/digests.txt`, which an earlier program wrote (for GELU, one whose tail is accurate). Redesigns
//! must not change them.

use super::*;
use palmnet::generate;

/// The forced instruction set, the digest and the command line of each training. AVX2 fuses multiplications with
/// additions, as AVX-512 and NEON do; SSE2 does not.
const GOLDEN: &str = include_str!("../golden/digests.txt");

/// FNV-1a over the bytes of every tensor, in the order of their names, or over the scores where nothing is saved.
#[derive(Clone, Copy)]
struct Fnv(u64);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }
}

fn table(header: &str, rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut text = format!("{header}\n");
    rows.for_each(|row| text += &format!("{}\n", row.join(",")));
    text
}

/// The irises, half moons, sums and digits as tables, and irises with gaps.
fn folder() -> Folder {
    let folder = Folder::of_irises();
    folder.write("moons.csv", include_str!("../data/moons_train.csv"));
    let sums = generate::sums(1500, 3);
    let (x, y) = (sums.to_matrix(), sums.values().unwrap());
    let cells = |row: usize| x.row(row).iter().chain(y.row(row)).map(f32::to_string).collect();
    folder.write("sums.csv", table("a,b,sum,difference,distance", (0..sums.len()).map(cells)));
    let digits = generate::digits();
    let (x, labels) = (digits.to_matrix(), digits.labels().unwrap());
    let header: Vec<String> = (0..64).map(|pixel| format!("p{pixel}")).chain(["digit".into()]).collect();
    let cells = |row: usize| {
        let pixels = x.row(row).iter().map(f32::to_string);
        pixels.chain([labels[row].to_string()]).collect()
    };
    folder.write("digits.csv", table(&header.join(","), (0..digits.len()).map(cells)));
    let mut lines = IRIS.lines();
    let header = lines.next().unwrap();
    let holes = lines.enumerate().map(|(i, line)| {
        let cell = |(j, cell): (usize, &str)| if j < 4 && (i * 7 + j * 3) % 11 == 0 { "" } else { cell }.to_string();
        line.split(',').enumerate().map(cell).collect()
    });
    folder.write("holes.csv", table(header, holes));
    folder
}

/// The scores as the earlier program wrote them, which had no such member.
fn without_calibration_error(score: &str) -> String {
    let Some((before, rest)) = score.split_once(",\"calibration_error\":") else { return score.to_string() };
    before.to_string() + rest.trim_start_matches(|c: char| c.is_ascii_digit() || ".e-".contains(c))
}

fn digest(folder: &Folder, set: &str, words: &str) -> String {
    let run = folder.run_with(&format!("{words} --quiet --json"), &[("PALMNET_ISA", set)]).ok();
    let mut digest = Fnv(0xCBF2_9CE4_8422_2325);
    let model = words.split_whitespace().skip_while(|word| *word != "-o").nth(1);
    match model {
        Some(file) => {
            let mut tensors = Safetensors::read(folder.path(file)).unwrap().tensors;
            tensors.sort_by(|a, b| a.name.cmp(&b.name));
            for tensor in tensors {
                digest.bytes(tensor.name.as_bytes());
                tensor.data.iter().for_each(|x| digest.bytes(&x.to_le_bytes()));
            }
        }
        None => {
            for line in run.lines() {
                let json = Json::parse(line).unwrap();
                let parts = ["train", "test"].map(|part| json.get(part).map(Json::to_string));
                parts.iter().flatten().for_each(|score| digest.bytes(without_calibration_error(score).as_bytes()));
            }
        }
    }
    format!("{:016x}", digest.0)
}

#[test]
fn default_trainings_keep_their_bits() {
    if cfg!(not(target_arch = "x86_64")) {
        return eprintln!("digests are known for x86-64 only: not compared");
    }
    let folder = folder();
    let mut changed = String::new();
    // In their order: a model that is trained further must be there first.
    for line in GOLDEN.lines() {
        let [set, known, words] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        if set == "avx2" && !palmnet::compute::Isa::Avx2.is_available() {
            eprintln!("this processor or build has no AVX2: \"{words}\" is not compared");
            continue;
        }
        let found = digest(&folder, set, words);
        if found != known {
            changed += &format!("{set} {found} {words}\n");
        }
    }
    assert!(changed.is_empty(), "the weights of these trainings have changed; now they are\n{changed}");
}
