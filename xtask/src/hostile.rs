//! Measures how the cost of foreign text grows with its length: `tests/bench/hostile.rs`, compiled for this machine and
//! as the shipped module.

use std::{
    env, mem,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use walrus::{
    ConstExpr, FunctionBuilder, FunctionId, FunctionKind, LocalFunction, Module, ValType,
    ir::{
        BinaryOp, Call, Const, Drop, Instr, InstrLocId, InstrSeq, InstrSeqId, Loop, UnaryOp, Value, Visitor,
        dfs_in_order,
    },
};

use crate::{
    node::Node,
    process,
    sysroot::Panics,
    toolchain::{self, TARGET, Toolchain},
    workspace::Workspace,
};

const EXAMPLE: &str = "hostile";

/// Times every reading in both, and fails if a text of twice the length costs too much.
pub fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    ensure!(arguments.iter().all(|argument| argument == "--json"), "`hostile` takes no other argument than `--json`");
    let node = Node::install(workspace)?;
    let module = module(workspace)?;
    let folder = workspace.target().join("xtask/cargo");
    let mut native = toolchain::cargo("build");
    native.current_dir(workspace.root());
    native.args(["--package", "valet-key", "--example", EXAMPLE, "--release", "--target-dir"]).arg(&folder);
    process::run(&mut native)?;
    let program = folder.join(format!("release/examples/{EXAMPLE}{}", env::consts::EXE_SUFFIX));
    let mut command = node.command();
    command.arg(workspace.tests().join("bench/hostile.mjs")).args(arguments);
    process::run(command.arg(program).arg(module))
}

/// The same test with counted steps instead of a clock, to be run by Node's test runner.
pub fn steps(workspace: &Workspace, runner: &mut Command) -> Result<()> {
    let counting = workspace.scratch()?.join("hostile.steps.wasm");
    count_steps(&module(workspace)?, &counting)?;
    runner.arg(workspace.tests().join("bench/steps.test.mjs")).env("COUNTING_MODULE", counting);
    Ok(())
}

/// The module, with the flags, the library and the allocator of the shipped one.
fn module(workspace: &Workspace) -> Result<PathBuf> {
    let _lock = workspace.lock()?;
    let toolchain = Toolchain::find(workspace, Panics::Trap)?;
    let folder = workspace.target().join("xtask/cargo");
    let mut command = toolchain.cargo(workspace, "build", &[])?;
    command.args(["--package", "valet-key", "--example", EXAMPLE, "--features", "npm"]);
    command.args(["--profile", "wasm", "--target", TARGET, "--target-dir"]).arg(&folder);
    process::run(&mut command)?;
    Ok(folder.join(TARGET).join("wasm/examples").join(format!("{EXAMPLE}.wasm")))
}

/// Instruments a module to count its work, in an exported number: each call of a function, each iteration of a loop,
/// and each byte that one instruction copies or fills. No other work can grow with a length.
fn count_steps(from: &Path, to: &Path) -> Result<()> {
    let mut module = Module::from_file(from).context("the compiler's module cannot be read")?;
    let functions: Vec<FunctionId> = module.funcs.iter_local().map(|(id, _)| id).collect();
    let count = counter(&mut module);
    for id in functions {
        if let FunctionKind::Local(function) = &mut module.funcs.get_mut(id).kind {
            count_in(function, count);
        }
    }
    module.emit_wasm_file(to).with_context(|| format!("cannot write {}", to.display()))
}

/// Adds a function that adds to the count, and returns the count.
fn counter(module: &mut Module) -> FunctionId {
    let steps = module.globals.add_local(ValType::I64, true, false, ConstExpr::Value(Value::I64(0)));
    module.exports.add("steps", steps);
    let more = module.locals.add(ValType::I32);
    let mut builder = FunctionBuilder::new(&mut module.types, &[ValType::I32], &[ValType::I32]);
    builder
        .func_body()
        .global_get(steps)
        .local_get(more)
        .unop(UnaryOp::I64ExtendUI32)
        .binop(BinaryOp::I64Add)
        .global_set(steps)
        .local_get(more);
    builder.finish(vec![more], &mut module.funcs)
}

fn count_in(function: &mut LocalFunction, count: FunctionId) {
    let mut sequences = Sequences { all: Vec::new(), steps: vec![function.entry_block()] };
    dfs_in_order(&mut sequences, function, function.entry_block());
    let call: Instr = Call { func: count }.into();
    for id in sequences.all {
        let old = mem::take(&mut function.block_mut(id).instrs);
        let new = &mut function.block_mut(id).instrs;
        if sequences.steps.contains(&id) {
            let one = Const { value: Value::I32(1) }.into();
            new.extend([one, call.clone(), Drop {}.into()].map(|instruction| (instruction, InstrLocId::default())));
        }
        for (instruction, place) in old {
            if matches!(instruction, Instr::MemoryCopy(_) | Instr::MemoryFill(_)) {
                // The number of bytes is the last operand.
                new.push((call.clone(), place));
            }
            new.push((instruction, place));
        }
    }
}

/// The instruction sequences of a function: all of them, and those that count as a step each time they run, which are
/// its body and its loops.
struct Sequences {
    all: Vec<InstrSeqId>,
    steps: Vec<InstrSeqId>,
}

impl<'a> Visitor<'a> for Sequences {
    fn start_instr_seq(&mut self, sequence: &'a InstrSeq) {
        self.all.push(sequence.id());
    }

    fn visit_loop(&mut self, turn: &Loop) {
        self.steps.push(turn.seq);
    }
}
