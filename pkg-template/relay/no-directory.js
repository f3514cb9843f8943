// Where there is no Node there is no directory to keep a relay in.
import { badInput } from "../errors.js";

export async function openDirectory() {
  throw badInput("a relay in a directory needs Node");
}
