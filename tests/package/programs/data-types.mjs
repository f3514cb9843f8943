// Whatever is encrypted comes back as what it was, and nothing is lost.
import { Regrant } from "regrant";

export const variants = ["programs", "http"];

export default async function ({ equal, ok, same, vault, place }) {
  const regrant = await Regrant.open({ application: "regrant", store: "memory", name: "data" });
  const session = await regrant.connect({ login: "alice", ...vault(1) });
  const trip = async (data, metadata) => session.decrypt((await session.encrypt(data, { metadata })).bytes);
  const large = crypto.getRandomValues(new Uint8Array(60_000));

  for (const text of ["", "\ufeffwith a mark", "é, 漢字, 🙂", "x".repeat(100_000), "\0"]) {
    const { data, type } = await trip(text);
    same([type, data === text], ["string", true]);
  }
  const json = JSON.parse('{"__proto__":{"a":1},"toJSON":2,"":[[],{}],"u":"é🙂","n":null,"t":[true,false],"constructor":3}');
  same([(await trip(json)).type, (await trip(json)).data], ["json", json]);
  ok(Object.is((await trip([-0])).data[0], -0), "-0 became 0");
  const numbers = [0.1, 1e21, 5e-324, 1.7976931348623157e308, 2 ** 53, 12345678901234567890];
  for (let i = 0; i < 500; i++) numbers.push(new Float64Array(crypto.getRandomValues(new Uint8Array(8)).buffer)[0]);
  const finite = numbers.filter(Number.isFinite);
  const back = await trip(finite, { finite, minus: -0, ...json });
  ok(back.data.every((number, at) => Object.is(number, finite[at])), "a number of the data changed");
  ok(back.metadata.finite.every((number, at) => Object.is(number, finite[at])), "a number of the metadata changed");
  ok(Object.is(back.metadata.minus, -0), "-0 of the metadata became 0");
  same(Object.keys(back.metadata).sort(), ["", "constructor", "finite", "minus", "n", "t", "toJSON", "u", "__proto__"].sort().filter((key) => key in back.metadata));
  ok((await trip(Object.assign(Object.create(null), { a: 1 }))).data.a === 1);
  let deep = [];
  for (let i = 0; i < 500; i++) deep = [deep];
  same((await trip(deep)).data, deep);

  for (const bytes of [new Uint8Array(), Uint8Array.of(1, 2, 3), large, large.subarray(7, 5000)]) {
    const opened = await trip(bytes);
    ok(opened.type === "bytes" && opened.data instanceof Uint8Array && opened.data.constructor === Uint8Array);
    same(opened.data, bytes);
    const buffer = bytes.slice().buffer;
    const again = await trip(buffer);
    ok(again.type === "buffer" && again.data instanceof ArrayBuffer);
    same(new Uint8Array(again.data), bytes);
  }
  if (place === "node") same((await trip(globalThis.Buffer.from("abc"))).data, Uint8Array.of(97, 98, 99));

  const blob = await trip(new Blob([large], { type: "image/png" }));
  same([blob.type, blob.data.type, blob.data instanceof Blob], ["blob", "image/png", true]);
  same(new Uint8Array(await blob.data.arrayBuffer()), large);
  if (typeof File === "function") {
    const file = await trip(new File(["hello"], "größe 🙂.txt", { type: "text/plain" }), { name: "mine", type: "x" });
    same([file.type, file.data.name, file.data.type, await file.data.text()], ["file", "größe 🙂.txt", "text/plain", "hello"]);
    ok(file.data instanceof File);
    same(file.metadata, { name: "mine", type: "x" });
  }
  same((await trip("x")).metadata, {});

  // The caller may go on using its own bytes and objects at once.
  const own = large.slice();
  const going = session.encrypt(own);
  own.fill(0);
  same((await session.decrypt((await going).bytes)).data, large);
  const list = [1, 2];
  const listed = session.encrypt(list);
  list.push(3);
  same((await session.decrypt((await listed).bytes)).data, [1, 2]);

  // Sealed bytes come from wherever they were kept.
  const { bytes } = await session.encrypt("kept");
  for (const kept of [bytes, bytes.slice().buffer, new Blob([bytes])]) equal((await session.decrypt(kept)).data, "kept");

  const progress = [];
  const many = await session.encryptMany(
    Array.from({ length: 20 }, (_, i) => ({ data: i % 2 ? { i } : `text ${i}`, metadata: { i } })),
    { onProgress: (done, total) => progress.push([done, total]) },
  );
  same(progress.at(-1), [20, 20]);
  const all = await session.decryptMany(many.map((item) => item.bytes));
  same(all.map((opened) => opened.data), Array.from({ length: 20 }, (_, i) => (i % 2 ? { i } : `text ${i}`)));
  same(all.map((opened) => [opened.id, opened.metadata.i]), many.map((item, i) => [item.id, i]));
  same([await session.encryptMany([]), await session.decryptMany([])], [[], []]);

  // The most metadata that there may be.
  const edge = "x".repeat((1 << 20) - 100);
  equal((await trip("x", { edge })).metadata.edge, edge);
}
