//! The linkers of `.cargo/config.toml`, on desktops, in Termux and on boards. The compilers are fakes that record
//! how they were called.
#![cfg(all(unix, not(target_os = "android")))]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

const ANDROID: [(&str, &str); 3] = [
    ("aarch64-linux-android", "aarch64-linux-android24-clang"),
    ("armv7-linux-androideabi", "armv7a-linux-androideabi24-clang"),
    ("x86_64-linux-android", "x86_64-linux-android24-clang"),
];

const BOARDS: [(&str, &str); 2] = [
    ("aarch64-unknown-linux-gnu", "aarch64-linux-gnu-gcc"),
    ("armv7-unknown-linux-gnueabihf", "arm-linux-gnueabihf-gcc"),
];

const TERMUX: [(&str, &str); 2] =
    [("HOME", "/data/data/com.termux/files/home"), ("PREFIX", "/data/data/com.termux/files/usr")];

/// Held while a program is written or started: a child started meanwhile would keep the file open for writing.
static STARTING: Mutex<()> = Mutex::new(());

/// A machine with nothing but a shell and the fakes that it is given.
struct Machine(PathBuf);

impl Machine {
    fn new(name: &str) -> Machine {
        // Two tests may use the same name at the same time.
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("linkers {name} {}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("bin")).unwrap();
        Machine(folder)
    }

    /// Puts a compiler at a path below the machine's folder, which says that it makes programs for this machine.
    fn with(self, path: &str, machine: &str) -> Machine {
        let file = self.0.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = -dumpmachine ] && echo {machine} && exit\nprintf '%s\\n' '{path}' \"$@\" >'{}'\n",
            self.record().display()
        );
        let _writing = STARTING.lock();
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn with_ndk(self) -> Machine {
        ANDROID.iter().fold(self, |machine, (_, clang)| machine.with(&in_ndk(clang), "an NDK never asks"))
    }

    fn record(&self) -> PathBuf {
        self.0.join("record")
    }

    /// Links for a target: the compiler that was called, or the error message.
    #[track_caller]
    fn link(&self, target: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let _ = fs::remove_file(self.record());
        let words = ["-o", "a program", "-Wl,-z,now"];
        let mut command = Command::new(linker(target));
        command.env_clear().env("PATH", self.0.join("bin")).envs(variables.iter().copied());
        let output = {
            let _starting = STARTING.lock();
            command.args(words).output().unwrap()
        };
        let Ok(record) = fs::read_to_string(self.record()) else {
            assert!(!output.status.success(), "{target}: nothing was linked, and nobody complained");
            return Err(String::from_utf8(output.stderr).unwrap());
        };
        assert!(output.status.success(), "{target}");
        let (compiler, called_with) = record.split_once('\n').unwrap();
        assert_eq!(called_with.lines().collect::<Vec<_>>(), words, "{target}");
        Ok(compiler.to_string())
    }

    fn ndk(&self) -> String {
        self.0.join("ndk").to_str().unwrap().to_string()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn in_ndk(compiler: &str) -> String {
    format!("ndk/toolchains/llvm/prebuilt/linux-x86_64/bin/{compiler}")
}

/// The linker that the configuration names for a target. Cargo resolves it relative to the folder of `.cargo`.
#[track_caller]
fn linker(target: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = fs::read_to_string(root.join(".cargo/config.toml")).unwrap();
    let (_, section) = config.split_once(&format!("[target.{target}]\n")).unwrap_or_else(|| panic!("no {target}"));
    let value = section.lines().next().unwrap().strip_prefix("linker = ").unwrap().trim_matches('"');
    root.join(value)
}

#[test]
fn termux_links_with_its_own_clang() {
    let phone = Machine::new("phone").with("bin/clang", "aarch64-unknown-linux-android24");
    for (target, _) in ANDROID {
        assert_eq!(phone.link(target, &TERMUX).unwrap(), "bin/clang", "{target}");
        // A session without the variables of Termux.
        assert_eq!(phone.link(target, &[]).unwrap(), "bin/clang", "{target}");
    }
    // An NDK is ignored in Termux: its compilers run on desktops.
    let phone = phone.with_ndk();
    let variables = [TERMUX[0], TERMUX[1], ("ANDROID_NDK_HOME", &phone.ndk())];
    assert_eq!(phone.link("aarch64-linux-android", &variables).unwrap(), "bin/clang");
    let complaint = Machine::new("new phone").link("aarch64-linux-android", &TERMUX).unwrap_err();
    assert!(complaint.contains("pkg install clang"), "{complaint}");
}

#[test]
fn desktop_links_with_the_ndk() {
    let desktop = Machine::new("desktop").with_ndk().with("bin/clang", "x86_64-pc-linux-gnu");
    let desktop = desktop.with("bin/cc", "x86_64-linux-gnu");
    let (ndk, home) = (desktop.ndk(), ("HOME", "/home/me"));
    for (target, clang) in ANDROID {
        for variable in ["ANDROID_NDK_HOME", "ANDROID_NDK_ROOT"] {
            assert_eq!(desktop.link(target, &[home, (variable, &ndk)]).unwrap(), in_ndk(clang), "{target}");
        }
        let both = [("ANDROID_NDK_HOME", &*ndk), ("ANDROID_NDK_ROOT", "/nowhere")];
        assert_eq!(desktop.link(target, &both).unwrap(), in_ndk(clang), "{target}");
    }
}

#[test]
fn missing_ndk_names_the_variables() {
    let desktop = Machine::new("without").with("bin/clang", "x86_64-pc-linux-gnu").with("bin/cc", "x86_64-linux-gnu");
    for (target, clang) in ANDROID {
        for variables in [&[][..], &[("ANDROID_NDK_HOME", "")], &[("PREFIX", "/usr/local")]] {
            let complaint = desktop.link(target, variables).unwrap_err();
            assert!(complaint.contains("set ANDROID_NDK_HOME or ANDROID_NDK_ROOT"), "{complaint}");
        }
        let complaint = desktop.link(target, &[("ANDROID_NDK_ROOT", "/nowhere")]).unwrap_err();
        assert!(complaint.contains("there is no /nowhere/") && complaint.contains(clang), "{complaint}");
        assert!(complaint.contains("set ANDROID_NDK_HOME"), "{complaint}");
    }
}

#[test]
fn boards_are_linked_by_a_cross_compiler() {
    for (target, gcc) in BOARDS {
        let desktop = Machine::new(target).with("bin/cc", "x86_64-linux-gnu");
        let complaint = desktop.link(target, &[]).unwrap_err();
        let package = format!("gcc-{}", gcc.strip_suffix("-gcc").unwrap());
        assert!(complaint.contains(gcc) && complaint.contains(&package), "{complaint}");
        let desktop = desktop.with(&format!("bin/{gcc}"), "never asked");
        assert_eq!(desktop.link(target, &[]).unwrap(), format!("bin/{gcc}"));
    }
}

#[test]
fn boards_link_with_their_own_compiler() {
    for (target, machines) in [
        (BOARDS[0].0, ["aarch64-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-redhat-linux"]),
        (BOARDS[1].0, ["arm-linux-gnueabihf", "armv7l-unknown-linux-gnueabihf", "arm-linux-gnueabihf"]),
    ] {
        for machine in machines {
            assert_eq!(Machine::new(machine).with("bin/cc", machine).link(target, &[]).unwrap(), "bin/cc", "{machine}");
        }
        // Not the other kind of board, nor a phone.
        for machine in ["aarch64-linux-gnu", "arm-linux-gnueabihf", "aarch64-unknown-linux-android24"] {
            if !machines.contains(&machine) {
                let complaint = Machine::new(machine).with("bin/cc", machine).link(target, &[]).unwrap_err();
                assert!(complaint.contains("install "), "{machine}: {complaint}");
            }
        }
    }
}
