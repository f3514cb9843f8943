// On its server, Next.js leaves the package as it is, and copies the WebAssembly with `output: "standalone"`.
export default { serverExternalPackages: ["regrant"] };
