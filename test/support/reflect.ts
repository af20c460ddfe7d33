/**
 * Imported before @peculiar/x509: its dependency container (tsyringe) refuses to load where these two
 * functions are missing, and asks them only for constructor injections, of which there are none.
 */
Object.assign(Reflect, {
  getMetadata: () => undefined,
  getOwnMetadata: () => undefined,
});
