"""The stand-in: a local site that behaves like WhatsApp Web, with a phone to scan its QR. Its own process."""
