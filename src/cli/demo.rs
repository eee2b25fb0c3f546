pub const COMMAND: super::arguments::Command = super::arguments::Command{name:"demo",usage:"demo",summary:"",details:&[],words:(0,2),options:&[]};
pub fn run(_: &super::arguments::Arguments, _: &mut dyn std::io::Write) -> Result<(), super::Failure> { Ok(()) }
