export const metadata = { icons: 'data:,' };

export default function Layout({ children }) {
  return (
    <html lang="en">
      <head>
        <script src="/trusted-types.js" />
      </head>
      <body data-issuer={process.env.ISSUER} data-api={process.env.API}>
        {children}
      </body>
    </html>
  );
}
