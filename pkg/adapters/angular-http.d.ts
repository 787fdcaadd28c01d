import type { HttpEvent, HttpHandlerFn, HttpRequest } from '@angular/common/http';
import type { Observable } from 'rxjs';

/**
 * An interceptor that sends the requests of `HttpClient` to some URLs with `client.fetch`, and lets all others pass. It needs
 * `provideValetKey`. Put it last: interceptors after it do not see these requests.
 *
 * ```ts
 * provideHttpClient(withInterceptors([apiInterceptor(['https://api.example.com/v1/'])]))
 * ```
 *
 * A request gives one event, the response. There are no events of progress, and `withCredentials` and `timeout` have no effect. If the
 * client sends nothing or there is no response, `error` of the `HttpErrorResponse` is the `ValetKeyError`, and `status` is 0.
 *
 * @param urls the URLs of the option `api`, absolute or relative to the document. The client refuses all that are not on its own list.
 */
export function apiInterceptor(
  urls: readonly string[],
): (request: HttpRequest<unknown>, next: HttpHandlerFn) => Observable<HttpEvent<unknown>>;
