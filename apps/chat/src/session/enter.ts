import { ensureName, takeName } from "./profile.ts";
import { LOBBY, navigate, roomPath, routeOf } from "./route.ts";

/**
 * Takes what the address says: `/?name=Ada` goes straight into the lobby as Ada, `/r/garden` into that room, with a
 * drawn name for somebody who has none. The name is taken out of the address, so that a copied link carries none.
 */
export function enterByAddress(): void {
  const route = routeOf(location.pathname);
  const name = new URLSearchParams(location.search).get("name");
  const isNamed = takeName(name);
  if (route.page === "room") {
    ensureName();
    if (name !== null) navigate(roomPath(route.room), { isReplaced: true });
  } else if (isNamed) navigate(roomPath(LOBBY), { isReplaced: true });
}
