/** Django OAuth Toolkit, a provider in Python. */
import assert from 'node:assert/strict';
import { call, signIn, storiesAt, told } from '../support/at_provider.mjs';

const storyAt = storiesAt('django-oauth-toolkit');

// It refuses `prompt=none` with its own error page, and that page may not be framed.
storyAt('POP-19 P1: django-oauth-toolkit: a silent sign-in times out and keeps the session', {}, async (stage) => {
  await signIn(stage);
  assert.equal(await told(stage, "client.signIn({ mode: 'silent' })"), 'timeout');
  assert.equal(await call(stage), 200);
});
