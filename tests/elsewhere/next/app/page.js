// Rendered on the server, which does the story, too.
import { headers } from "next/headers";
import { Places } from "./places.js";
import { told } from "./story.js";

export default async function Page() {
  // Rendered anew for each request, because of the nonce in the policy.
  await headers();
  return <Places server={JSON.stringify(await told(`server-${crypto.randomUUID()}`))} />;
}
