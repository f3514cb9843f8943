// Keeps the keyboard's place: when what had the focus disappears, the nearest heading takes it.
import { useEffect } from "preact/hooks";

/** @param panel whose headings (`tabindex="-1"`) may take the focus: that of the file it was in, else the first */
export function useFocusKept(panel: { current: HTMLElement | null }): void {
  useEffect(() => {
    const root = panel.current;
    if (!root) return;
    let file: Element | null = null;
    let inside = false;
    const entered = ({ target }: FocusEvent) => {
      inside = target instanceof Element && root.contains(target);
      file = inside && target instanceof Element ? target.closest("article") : null;
    };
    // A press on nothing lets go of the focus, and means to.
    const pressed = () => (inside = false);
    const changed = new MutationObserver(() => {
      if (!inside || (document.activeElement && document.activeElement !== document.body)) return;
      const place = file?.isConnected ? file : root;
      place.querySelector<HTMLElement>('[tabindex="-1"]')?.focus();
    });
    document.addEventListener("focusin", entered);
    document.addEventListener("pointerdown", pressed);
    changed.observe(root, { childList: true, subtree: true });
    return () => {
      changed.disconnect();
      document.removeEventListener("focusin", entered);
      document.removeEventListener("pointerdown", pressed);
    };
  }, []);
}
