/** Runs `hostile.rs` as a WebAssembly module, with the interface of the program: `module.mjs FILE`. */
import { createInterface } from 'node:readline';
import { inModule } from './readings.mjs';

const { list, make, read } = await inModule(process.argv[2]);
console.log(list);
for await (const line of createInterface({ input: process.stdin })) {
  const [, ...numbers] = line.split(' ').map(Number);
  if (numbers.length === 2) console.log(await make(...numbers));
  else
    console.log(
      await read(...numbers).then(
        (cost) => `${cost} true`,
        (error) => `0 ${error}`,
      ),
    );
}
