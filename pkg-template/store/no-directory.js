// Where there is no Node there is no directory to keep a store in.
import { badInput } from "../errors.js";

export async function openDirectory() {
  throw badInput("store.directory needs Node");
}
