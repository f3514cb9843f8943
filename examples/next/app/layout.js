export const metadata = { title: "Share a note, lose a key, get back" };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <body>{children}</body>
    </html>
  );
}
