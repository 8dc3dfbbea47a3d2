// breaks: no-empty
try {
  JSON.parse('')
} catch {}
