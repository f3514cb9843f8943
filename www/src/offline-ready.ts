// Has the browser keep the page for when there is no network. Where service workers are missing or forbidden, the page
// works as it does, only not offline.

export async function keepOffline(): Promise<void> {
  if (!import.meta.env.PROD || !("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("./offline.js");
  } catch (error) {
    console.info("This page will not open without a network:", error);
  }
}
